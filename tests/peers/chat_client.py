# Two-way chat, the client first; over when the input ends.
import socket
import sys

client = socket.socket()
client.connect((sys.argv[1], int(sys.argv[2])))
for line in sys.stdin:
    client.send(line.rstrip('\n').encode('utf-8'))
    print(client.recv(1024).decode('utf-8'))
client.close()
