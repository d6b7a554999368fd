# One way: send each typed line, end with the input.
import socket
import sys

client = socket.socket()
client.connect((sys.argv[1], int(sys.argv[2])))
for line in sys.stdin:
    client.send(line.rstrip('\n').encode('utf-8'))
client.close()
