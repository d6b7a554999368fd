#!/usr/bin/env python3
"""How much slow, silent, half-open, resetting and endless peers disturb the others.

    cargo build --release && bench/disturb.py [target/release/sockeye] [ROUNDS]

Measures the round trip of small lines through `sockeye serve echo -F line`: alone, then in bad company, in turns so that
both see the same machine. Prints p50 and p99 of both and the ratio of the p99s, which is to stay below 2. The disturbers
run in processes of their own and pace themselves (about 200 connections a second in all): what is measured is the
server, and not a processor that somebody else has used up.
"""
import multiprocessing
import os
import socket
import struct
import subprocess
import sys
import time

TRIPS = 4000


def connect(address):
    caller = socket.create_connection(address)
    caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return caller


def silent(address):
    return [connect(address) for _ in range(100)]


def half_open(address):
    callers = [connect(address) for _ in range(100)]
    for caller in callers:
        caller.sendall(b"half a line")
    return callers


def resetting(address):
    while True:
        caller = connect(address)
        caller.sendall(b"hello\n")
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        caller.close()
        time.sleep(0.01)


def slow(address):
    callers = [connect(address) for _ in range(50)]
    while True:
        for caller in callers:
            caller.sendall(b"x")
            time.sleep(0.002)


def endless(address):
    """Lines without an end: cut at the framing's bound, over and over."""
    while True:
        caller = connect(address)
        try:
            while True:
                caller.sendall(b"x" * 16384)
                time.sleep(0.005)
        except OSError:
            caller.close()


def never_reading(address):
    callers = [connect(address) for _ in range(10)]
    for caller in callers:
        caller.setblocking(False)
    while True:
        for caller in callers:
            try:
                caller.send(b"\n" * 16384)
            except BlockingIOError:
                pass
            time.sleep(0.01)


def disturb(kind, address):
    held = kind(address)
    while held:
        time.sleep(1)


def trips(address):
    caller = connect(address)
    taken = []
    for number in range(TRIPS):
        line = b"%08d\n" % number
        start = time.perf_counter_ns()
        caller.sendall(line)
        got = b""
        while not got.endswith(b"\n"):
            got += caller.recv(1024)
        taken.append(time.perf_counter_ns() - start)
        assert got == line, got
    caller.close()
    return taken


def figures(taken):
    taken.sort()
    return taken[len(taken) // 2] / 1000, taken[len(taken) * 99 // 100] / 1000


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else "target/release/sockeye"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    server = subprocess.Popen(
        [os.path.abspath(binary), "serve", "tcp://127.0.0.1:0", "echo", "-F", "line"],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )
    try:
        ready = server.stderr.readline().split()[2]
        host, port = ready.split("://")[1].rsplit(":", 1)
        address = (host, int(port))
        trips(address)
        alone, company = [], []
        for _ in range(rounds):
            alone += trips(address)
            kinds = (silent, half_open, resetting, slow, endless, never_reading)
            others = [multiprocessing.Process(target=disturb, args=(kind, address), daemon=True) for kind in kinds]
            for other in others:
                other.start()
            time.sleep(0.5)
            company += trips(address)
            for other in others:
                other.terminate()
                other.join()
        before, after = figures(alone), figures(company)
        print("            p50 us   p99 us   (%d round trips each)" % len(alone))
        print("alone       %6.1f   %6.1f" % before)
        print("disturbed   %6.1f   %6.1f" % after)
        print("p99 ratio   %.2f" % (after[1] / before[1]))
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
