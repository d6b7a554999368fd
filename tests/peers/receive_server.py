# One way: print what comes, never answer.
import socket
import sys

server = socket.socket()
server.bind((sys.argv[1], int(sys.argv[2])))
server.listen(5)
print(server.getsockname()[1])
conn, addr = server.accept()
while True:
    data = conn.recv(1024)
    if not data:
        break
    print(data.decode('utf-8'))
conn.close()
server.close()
