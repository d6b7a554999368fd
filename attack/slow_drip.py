#!/usr/bin/env python3
"""Row 5, within a session: two thousand peers that send one byte now and then and never end a frame.

    attack/slow_drip.py [target/debug/sockeye]

Passes if a fresh client gets its echo within 1 s all the while, and if --frame-timeout then ends every one of them.
"""
import time

from victim import connect, echo_time, raise_descriptors, resident, row, server

PEERS = 2000
FRAME = b"\x00\x00\x00\x05hello"


def main():
    raise_descriptors(PEERS + 200)
    with server("tcp://127.0.0.1:0", "echo", "-F", "u32be", "--frame-timeout", "8s") as (process, address):
        before = resident(process)
        peers = [connect(address, f"127.0.0.{number % 20 + 1}") for number in range(PEERS)]
        began = time.monotonic()
        worst = 0.0
        for _ in range(3):
            for number, peer in enumerate(peers):
                peer.sendall(b"\x00")
                if number % 500 == 0:
                    worst = max(worst, echo_time(address, FRAME, FRAME))
            time.sleep(1)
        held = resident(process) - before
        ended = 0
        for peer in peers:
            peer.settimeout(max(0.01, 15 - (time.monotonic() - began)))
            try:
                ended += peer.recv(1) == b""
            except ConnectionResetError:
                ended += 1
            except TimeoutError:
                pass
        worst = max(worst, echo_time(address, FRAME, FRAME))
        row(
            5, worst < 1 and ended == PEERS,
            f"{PEERS} dripping peers cost {held} KiB, a fresh echo took {worst * 1000:.0f} ms at worst, "
            f"{ended} were ended by --frame-timeout",
            f"{PEERS} ended, echo 1,000 ms",
        )


main()
