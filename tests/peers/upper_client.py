# Send each typed line, print it as it comes back.
import socket
import sys

client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.connect((sys.argv[1], int(sys.argv[2])))
for line in sys.stdin:
    client.send(line.rstrip('\n').encode('utf-8'))
    print(client.recv(1024).decode('utf-8'))
client.close()
