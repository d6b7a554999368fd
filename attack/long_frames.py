#!/usr/bin/env python3
"""Many peers that each send most of a 64 MiB frame to a server that may have little memory.

    attack/long_frames.py [target/debug/sockeye]

The server's address space is limited to 1 GiB, and --max-memory is 100 MiB. Passes if it never runs out (which would
end it), what it holds stays near the bound, peers are cut by name, and a fresh client gets its echo within 1 s.
"""
import resource

from victim import connect, echo_time, resident, server, verdict

PEERS = 30
FRAME = b"\x00\x00\x00\x05hello"
BLOCK = b"x" * 65536


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


def main():
    asked = ("tcp://127.0.0.1:0", "echo", "-F", "u32be", "--max-message", "64m", "--max-memory", "100m")
    with server(*asked, before=limit) as (process, address):
        before = resident(process)
        peers = [connect(address) for _ in range(PEERS)]
        for peer in peers:
            peer.sendall((63 << 20).to_bytes(4, "big"))
        cut, most, worst = set(), 0, 0.0
        for block in range(60 * 16):
            for peer in peers:
                if peer in cut:
                    continue
                try:
                    peer.sendall(BLOCK)
                except (ConnectionError, TimeoutError):
                    cut.add(peer)
            if block % 40 == 0:
                most = max(most, resident(process) - before)
                worst = max(worst, echo_time(address, FRAME, FRAME))
        with open(process.said, encoding="utf-8") as said:
            named = "error[hoards]" in said.read()
        alive = process.poll() is None
        verdict(
            alive and named and len(cut) >= PEERS - 3 and worst < 1 and most < 260 * 1024,
            f"{PEERS} peers with 64 MiB frames: {len(cut)} cut, at most {most // 1024} MiB held, "
            f"a fresh echo took {worst * 1000:.0f} ms at worst",
        )


main()
