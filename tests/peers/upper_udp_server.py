# Upper-case echo of datagrams.
import socket
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], int(sys.argv[2])))
print(server.getsockname()[1])
while True:
    data, addr = server.recvfrom(1024)
    server.sendto(data.upper(), addr)
