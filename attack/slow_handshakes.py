#!/usr/bin/env python3
"""Row 5, before a session: peers that drip their handshake, a byte a second, on TLS, WebSocket and auth.

    attack/slow_handshakes.py [target/debug/sockeye]

All three at the default deadlines (10 s, 5 s, 10 s). Passes if every one is cut at its deadline and not before, whatever
it sends, and a fresh client gets through the handshake and has its echo within 1 s all the while.
"""
import base64
import os
import selectors
import ssl
import sys
import tempfile
import time

from victim import certificates, connect, echo_time, raise_descriptors, row, server

PEERS = 400
SOURCES = 20
ALLOWANCE = 3.0
UPGRADE = (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")


def hello():
    """The first bytes that a TLS client sends."""
    context = ssl.create_default_context()
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(inward, outward, server_hostname="127.0.0.1").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outward.read()


def echo_by_websocket(address, _made):
    started = time.monotonic()
    with connect(address) as caller:
        caller.sendall(UPGRADE)
        head = b""
        while b"\r\n\r\n" not in head:
            head += caller.recv(4096) or sys.exit(f"no upgrade: {head!r}")
        caller.sendall(b"\x82\x85" + bytes(4) + b"hello")
        answer = caller.recv(64)
        if answer != b"\x82\x05hello":
            sys.exit(f"a fresh client got {answer!r}")
    return time.monotonic() - started


def echo_by_login(address, made):
    started = time.monotonic()
    with connect(address) as caller:
        reader = caller.makefile("rb")
        reader.readline()
        caller.sendall(b"BEARER " + made["token"] + b"\n")
        answer = reader.readline()
        if not answer.startswith(b"ok"):
            sys.exit(f"a fresh client got {answer!r}")
        caller.sendall(b"hello")
        if reader.read(5) != b"hello":
            sys.exit("a fresh client got no echo")
    return time.monotonic() - started


def attack(name, url, args, drip, deadline, fresh, made):
    with server(url, "echo", *args) as (_, address):
        peers = {connect(address, f"127.0.0.{number % SOURCES + 1}"): time.monotonic() for number in range(PEERS)}
        chooser = selectors.DefaultSelector()
        for peer in peers:
            peer.setblocking(False)
            chooser.register(peer, selectors.EVENT_READ)
        ended, worst, turn = [], 0.0, 0
        until = time.monotonic() + deadline + ALLOWANCE + 2
        due = time.monotonic()
        while len(ended) < PEERS and time.monotonic() < until:
            if time.monotonic() >= due:
                for peer in peers:
                    if peer.fileno() >= 0:
                        drop(peer, drip, turn)
                worst = max(worst, fresh(address, made))
                turn, due = turn + 1, due + 1
            for key, _ in chooser.select(max(0.0, due - time.monotonic())):
                if is_over(key.fileobj):
                    chooser.unregister(key.fileobj)
                    ended.append(time.monotonic() - peers[key.fileobj])
                    key.fileobj.close()
    first, last = (min(ended), max(ended)) if ended else (0, 0)
    holds = len(ended) == PEERS and first > deadline - 1 and last < deadline + ALLOWANCE and worst < 1
    text = (f"{name} {len(ended)} of {PEERS} cut after {first:.1f} to {last:.1f} s (deadline {deadline} s), "
            f"fresh echo {worst * 1000:.0f} ms at worst")
    return holds, text


def drop(peer, drip, turn):
    try:
        peer.send(drip[turn:turn + 1])
    except OSError:
        pass  # cut: the next read tells


def is_over(peer):
    """Reads what the server says, such as the greeting of auth; whether it has ended the connection."""
    try:
        return peer.recv(4096) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def users(directory):
    """A users file with one token, and the token."""
    path = os.path.join(directory, "users")
    token = base64.urlsafe_b64encode(bytes(32)).rstrip(b"=")
    with open(path, "w", encoding="ascii") as file:
        file.write("robot:BEARER$Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU=\n")
    return path, token


def main():
    raise_descriptors(PEERS + 200)
    with tempfile.TemporaryDirectory() as directory:
        made = certificates(directory)
        path, made["token"] = users(directory)
        cases = (
            ("tls", "tls://127.0.0.1:0", ("--cert", made["cert"], "--key", made["key"]), hello(), 10,
             lambda address, made: echo_time(address, b"hello", b"hello", made=made)),
            ("ws", "ws://127.0.0.1:0", (), UPGRADE, 5, echo_by_websocket),
            ("auth", "auth+tcp://127.0.0.1:0", ("--users", path), b"BEARER " + b"A" * 40, 10, echo_by_login),
        )
        results = [attack(name, url, args, drip, deadline, fresh, made)
                   for name, url, args, drip, deadline, fresh in cases]
    row(5, all(holds for holds, _ in results), "; ".join(text for _, text in results),
        f"all cut within {ALLOWANCE:.0f} s of the deadline and none before, echo 1,000 ms")


if __name__ == "__main__":
    main()
