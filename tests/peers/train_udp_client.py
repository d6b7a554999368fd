# Send datagrams of many sizes, most of them several in one call (UDP_SEGMENT), and compare every answer of an echo.
import socket
import sys

UDP_SEGMENT = 103
server = (sys.argv[1], int(sys.argv[2]))
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(10)
client.connect(server)
for size in (1, 63, 64, 1400, 9000):
    sent = [bytes((number * 31 + at) % 251 for at in range(size)) for number in range(6)]
    sent.append(sent[0][:size // 2 + 1])
    client.sendmsg([b''.join(sent)], [(socket.IPPROTO_UDP, UDP_SEGMENT, size.to_bytes(2, sys.byteorder))])
    for datagram in sent:
        assert client.recv(65536) == datagram, size
for size in (0, 65507):
    client.send(bytes(size))
    assert client.recv(65536) == bytes(size), size
print('all came back')
