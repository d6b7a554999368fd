# UDP chat: what is typed goes out in front of the caller's last message, with sb made alexsb. bye ends both.
import socket
import sys

server = socket.socket(type=socket.SOCK_DGRAM)
server.bind((sys.argv[1], int(sys.argv[2])))
print(server.getsockname()[1])
while True:
    data, addr = server.recvfrom(1024)
    heard = data.decode('utf-8')
    print(heard)
    if heard == 'bye':
        break
    typed = input()
    server.sendto((typed + ',' + heard.replace('sb', 'alexsb')).encode('utf-8'), addr)
server.close()
