# UDP chat: send what is typed, print the answer; bye ends both.
import socket
import sys

client = socket.socket(type=socket.SOCK_DGRAM)
server = (sys.argv[1], int(sys.argv[2]))
while True:
    typed = input()
    client.sendto(typed.encode('utf-8'), server)
    if typed == 'bye':
        break
    data, addr = client.recvfrom(1024)
    print(data.decode('utf-8'))
client.close()
