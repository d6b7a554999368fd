# Acknowledge: print what came, answer once, close. One caller after another.
import socket
import sys

server = socket.socket()
server.bind((sys.argv[1], int(sys.argv[2])))
server.listen(5)
print(server.getsockname()[1])
while True:
    conn, addr = server.accept()
    data = conn.recv(1024)
    print(data.decode('utf-8'))
    conn.send('消息已收到'.encode('utf-8'))
    conn.close()
