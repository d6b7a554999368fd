# Turn-taking chat, the server first. Either side ends it with byebye; the next caller waits in line meanwhile.
import socket
import sys

server = socket.socket()
server.bind((sys.argv[1], int(sys.argv[2])))
server.listen(5)
print(server.getsockname()[1])
while True:
    conn, addr = server.accept()
    while True:
        typed = input()
        conn.send(typed.encode('utf-8'))
        if typed == 'byebye':
            break
        heard = conn.recv(1024).decode('utf-8')
        print(heard)
        if not heard or heard == 'byebye':
            break
    conn.close()
