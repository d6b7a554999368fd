"""The servers of the faults: each port of this host behaves in its own way. Blocking sockets, one thread a connection.

usage: servers.py CERTIFICATES HOST DNS_GOOD DNS_LIES DNS_SILENT DNS_FAILS DNS_BLOCKS
"""

import socket
import ssl
import struct
import sys
import threading
import time

CERTIFICATES, HOST, DNS_GOOD, DNS_LIES, DNS_SILENT, DNS_FAILS, DNS_BLOCKS = sys.argv[1:]
ADDRESSES = {"web.test": HOST, "good.test": HOST, "other.test": HOST}
ELSEWHERE = "10.77.3.99"


def page(status, body):
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def http(peer, answer=page("200 OK", b"hello\n")):
    request = b""
    while b"\r\n\r\n" not in request:
        more = peer.recv(1024)
        if not more:
            return
        request += more
        if not request[:1].isalpha():
            peer.sendall(page("400 Bad Request", b"no HTTP\n"))
            return
    peer.sendall(answer)


def silent(peer):
    while peer.recv(1024):
        pass


def reset(peer):
    peer.recv(1)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def greets(text):
    def serve(peer):
        peer.sendall(text)
        silent(peer)

    return serve


def tls(name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{CERTIFICATES}/{name}.pem")

    def serve(peer):
        with context.wrap_socket(peer, server_side=True) as wrapped:
            http(wrapped)

    return serve


PORTS = {
    80: http,
    81: silent,
    83: reset,
    84: greets(b"SSH-2.0-OpenSSH_9.2\r\n"),
    85: tls("server"),
    86: tls("expired"),
    87: tls("elsewhere"),
    88: tls("stranger"),
    89: lambda peer: None,
    90: lambda peer: http(peer, page("503 Service Unavailable", b"later\n")),
    91: lambda peer: http(peer, page("200 OK", b"x" * 60000)),
    9999: http,
}


def one(serve, peer):
    try:
        with peer:
            serve(peer)
    except (OSError, ssl.SSLError):
        pass


def listen(port, serve):
    with socket.create_server(("0.0.0.0", port), backlog=64) as listener:
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=one, args=(serve, peer), daemon=True).start()


def full():
    """A listener whose queue is full: nobody accepts."""
    listener = socket.create_server(("127.0.0.1", 82), backlog=1)
    held = [listener]
    for _ in range(2):
        client = socket.create_connection(("127.0.0.1", 82))
        held.append(client)
    return held


def answer(question, address, code):
    if code is None:
        return None
    head = question[:2] + bytes([0x81, 0x80 | code, 0, 1])
    end = question.index(0, 12) + 5
    is_a = question[end - 3] == 1
    count = 1 if address and is_a else 0
    reply = head + struct.pack(">HHH", count, 0, 0) + question[12:end]
    if count:
        reply += struct.pack(">HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(address)
    return reply


def name_of(question):
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode())
        at += 1 + question[at]
    return ".".join(labels).lower()


def dns(server, decide):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((server, 53))
        while True:
            question, peer = bound.recvfrom(512)
            address, code = decide(name_of(question))
            reply = answer(question, address, code)
            if reply:
                bound.sendto(reply, peer)


def good(name):
    address = ADDRESSES.get(name)
    return (address, 0 if address else 3)


SERVERS = {
    DNS_GOOD: good,
    DNS_LIES: lambda name: (ELSEWHERE, 0),
    DNS_SILENT: lambda name: (None, None),
    DNS_FAILS: lambda name: (None, 2),
    DNS_BLOCKS: lambda name: ("0.0.0.0", 0),
}

for port, serve in PORTS.items():
    threading.Thread(target=listen, args=(port, serve), daemon=True).start()
if DNS_GOOD != "-":
    for server, decide in SERVERS.items():
        threading.Thread(target=dns, args=(server, decide), daemon=True).start()
held = full()
print("ready", flush=True)
while True:
    time.sleep(60)
