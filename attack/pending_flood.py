#!/usr/bin/env python3
"""Row 8: five thousand connections that never make their handshake.

    attack/pending_flood.py [target/debug/sockeye] [tls]

The handshake is the PROXY header, or that of TLS.

Passes if the bound on handshakes holds, clients from another address are served within 1 s all the while, and what the
server says stays short.
"""
import re
import sys
import tempfile

from victim import certificates, connect, echo_time, raise_descriptors, resident, row, said_by, server

FLOOD = 5000
HELLO = b"PROXY TCP4 198.51.100.9 198.51.100.1 1000 80\r\nhello"


def main():
    raise_descriptors(FLOOD + 3000)
    with tempfile.TemporaryDirectory() as directory:
        if "tls" in sys.argv[2:]:
            made = certificates(directory)
            flood("tls", "tls://127.0.0.1:0", ("--cert", made["cert"], "--key", made["key"]), b"hello", made)
        flood("proxy1", "proxy1+tcp://127.0.0.1:0", (), HELLO, None)


def flood(name, url, args, question, made):
    asked = (url, "echo", *args, "--header-timeout", "60s", "--tls-timeout", "60s", "--max-pending", "500:30:1000")
    with server(*asked, "--metrics", "127.0.0.1:0") as (process, address):
        before = resident(process)
        worst, callers = 0.0, []
        # Below the first number everybody is welcome, so that these measure what a flood costs others.
        for _ in range(450):
            callers.append(connect(address, "127.0.0.7"))
        for _ in range(20):
            worst = max(worst, echo_time(address, question, b"hello", "127.0.0.8", made))
        for _ in range(FLOOD - 450):
            callers.append(connect(address, "127.0.0.7"))
        pending = int(metric(process, r"sockeye_pending_handshakes (\d+)"))
        refused = int(metric(process, r'sockeye_refused_total\{reason="pending"\} (\d+)'))
        cost = resident(process) - before
        for caller in callers:
            caller.close()
        worst = max(worst, echo_time(address, question, b"hello", "127.0.0.8", made))
        lines = len(said_by(process).splitlines())
        row(
            8, 500 <= pending <= 1000 and pending + refused == FLOOD and worst < 1 and lines < 60,
            f"{name}: {FLOOD} silent connections: {pending} pending, {refused} refused, {cost} KiB, "
            f"an echo took {worst * 1000:.0f} ms at worst, {lines} lines were said",
            "1,000 pending, echo 1,000 ms, 60 lines",
        )


def metric(process, pattern):
    place = re.search(r"metrics on http://([^:]+):(\d+)/", said_by(process))
    with connect((place[1], int(place[2]))) as asker:
        asker.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        text = b""
        while more := asker.recv(65536):
            text += more
    return re.search(pattern, text.decode())[1]


main()
