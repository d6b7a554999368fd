#!/usr/bin/env python3
"""Row 16: a server restarted a hundred times on its port, with a session open each time; and a reset named as one.

    attack/restart.py [target/debug/sockeye]

Each time the server is the one that closes, so that its end of the connection is left in TIME-WAIT on the very port that
it binds again. Passes if all rebinds work and answer, and a peer's RST is told as `reset`, not as an end.
"""
import re
import socket
import struct
import threading
import time

from victim import connect, echo_time, row, said_by, server

TIMES = 100


def waiting(port):
    """Connections in TIME-WAIT on this port (state 06 of /proc/net/tcp)."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        fields = (line.split() for line in table.readlines()[1:])
        return sum(line[3] == "06" and line[1].endswith(f":{port:04X}") for line in fields)


def main():
    with server("tcp://127.0.0.1:0", "echo") as (_, address):
        port = address[1]
    rebinds, resets, worst = 0, 0, 0.0
    for _ in range(TIMES):
        started = time.monotonic()
        with server(f"tcp://127.0.0.1:{port}", "echo", "--drain", "0s") as (process, address):
            worst = max(worst, time.monotonic() - started)
            rebinds += address[1] == port
            echo_time(address, b"hello", b"hello")
            resets += is_named(process, address)
            # Open when the server ends: the server closes first.
            left = connect(address)
            left.sendall(b"hello")
            left.recv(5)
            leaving = threading.Thread(target=leave, args=(left,))
            leaving.start()
        leaving.join()
    held = waiting(port)
    row(16, rebinds == TIMES and resets == TIMES and held > 0,
        f"{rebinds} of {TIMES} rebinds, the slowest in {worst * 1000:.0f} ms, with {held} connections in TIME-WAIT; "
        f"{resets} of {TIMES} resets named", f"{TIMES} and {TIMES}")


def leave(caller):
    """Closes after the server has."""
    with caller:
        caller.recv(1)


def is_named(process, address):
    caller = connect(address)
    name = "{}:{}".format(*caller.getsockname())
    caller.sendall(b"hello")
    caller.recv(5)
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    caller.close()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if re.search(rf"error\[reset\] {re.escape(name)}", said_by(process)):
            return True
        time.sleep(0.005)
    return False


if __name__ == "__main__":
    main()
