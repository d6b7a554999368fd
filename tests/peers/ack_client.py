# Send one message, print the acknowledgement.
import socket
import sys

client = socket.socket()
client.connect((sys.argv[1], int(sys.argv[2])))
client.send(input().encode('utf-8'))
print(client.recv(1024).decode('utf-8'))
client.close()
