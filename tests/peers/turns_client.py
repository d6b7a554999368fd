# Turn-taking chat, the server first. Either side ends it with byebye.
import socket
import sys

client = socket.socket()
client.connect((sys.argv[1], int(sys.argv[2])))
while True:
    heard = client.recv(1024).decode('utf-8')
    print(heard)
    if not heard or heard == 'byebye':
        break
    typed = input()
    client.send(typed.encode('utf-8'))
    if typed == 'byebye':
        break
client.close()
