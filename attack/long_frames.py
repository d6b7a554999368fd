#!/usr/bin/env python3
"""Row 11: many peers that each send most of a 64 MiB frame to a server that may have little memory.

    attack/long_frames.py [target/debug/sockeye] [tls]

The server's address space is limited to 1 GiB, and --max-memory is 100 MiB. Passes if it never runs out (which would
end it), what it holds stays near the bound, peers are cut by name, and a fresh client gets its echo within 1 s.
"""
import contextlib
import resource
import sys
import tempfile

from victim import certificates, connect, echo_time, over_tls, resident, row, said_by, server

PEERS = 30
FRAME = b"\x00\x00\x00\x05hello"
BLOCK = b"x" * 65536


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


def main():
    with tempfile.TemporaryDirectory() as directory:
        made = certificates(directory) if "tls" in sys.argv[2:] else None
        attack(made)


def attack(made):
    name = "tls" if made else "tcp"
    asked = (f"{name}://127.0.0.1:0", "echo", "-F", "u32be", "--max-message", "64m", "--max-memory", "100m")
    keys = ("--cert", made["cert"], "--key", made["key"]) if made else ()
    with server(*asked, *keys, before=limit) as (process, address):
        before = resident(process)
        peers = [connect(address) for _ in range(PEERS)]
        if made:
            peers = [over_tls(peer, made) for peer in peers]
        for peer in peers:
            peer.sendall((63 << 20).to_bytes(4, "big"))
        cut, most, worst = set(), 0, 0.0
        for block in range(60 * 16):
            for peer in peers:
                if peer not in cut:
                    with contextlib.suppress(OSError):
                        peer.sendall(BLOCK)
                        continue
                    cut.add(peer)
            if block % 40 == 0:
                most = max(most, resident(process) - before)
                worst = max(worst, echo_time(address, FRAME, FRAME, made=made))
        named = "error[hoards]" in said_by(process)
        alive = process.poll() is None
        row(
            11, alive and named and len(cut) >= PEERS - 3 and worst < 1 and most < 260 * 1024,
            f"{name}: {PEERS} peers with 64 MiB frames: {len(cut)} cut, at most {most // 1024} MiB held, "
            f"a fresh echo took {worst * 1000:.0f} ms at worst",
            f"{PEERS - 3} cut, 260 MiB, echo 1,000 ms",
        )


main()
