# Take datagrams one by one until one says end; tell how many there were, and how many were not the next number.
import socket
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], int(sys.argv[2])))
print(server.getsockname()[1], flush=True)
count, wrong = 0, 0
while True:
    data = server.recv(65536)
    if data == b'end':
        break
    wrong += len(data) != 64 or int(data[:12]) != count
    count += 1
print(count, wrong, flush=True)
