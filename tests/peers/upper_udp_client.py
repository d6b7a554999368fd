# Send each typed line as a datagram, print what comes back.
import socket
import sys

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server = (sys.argv[1], int(sys.argv[2]))
for line in sys.stdin:
    client.sendto(line.rstrip('\n').encode('utf-8'), server)
    data, addr = client.recvfrom(1024)
    print(data.decode('utf-8'))
client.close()
