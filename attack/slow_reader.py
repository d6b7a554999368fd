#!/usr/bin/env python3
"""Row 6: peers that push much and read nothing, on tcp, tls and ws.

    attack/slow_reader.py [target/debug/sockeye]

Eight of them send up to 1 GB in all to an echo, and never read. Passes if the server holds no more than 8 MiB for each,
another peer's p99 (the median of five, a second each) stays within twice what it was alone or 5 ms, and `--idle` cuts
every one with a reason within 5 s.
"""
import os
import selectors
import statistics
import subprocess
import sys
import tempfile
import time

from victim import certificates, connect, over_tls, program, resident, row, said_by, server
from slow_handshakes import UPGRADE

PEERS = 8
EACH = 128 << 20
CAP = 8 << 20
SECONDS = 2
IDLE = 7
BLOCK = bytes(64 << 10)
FRAME = b"\x82\xff" + len(BLOCK).to_bytes(8, "big") + bytes(4) + BLOCK


def trips(caller, question, answer, seconds):
    """Round trip times in milliseconds."""
    taken, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        started = time.perf_counter()
        caller.sendall(question)
        got = b""
        while len(got) < len(answer):
            got += caller.recv(4096) or sys.exit("the other peer was cut")
        taken.append((time.perf_counter() - started) * 1000)
        time.sleep(0.001)
    taken.sort()
    return taken[len(taken) * 99 // 100]


def push(name, host, port, ca):
    """What a pusher does, in a process of its own: sends as long as it is taken. Says how much it could send."""
    peers = [enter(name, (host, int(port)), {"ca": ca}) for _ in range(PEERS)]
    sent = dict.fromkeys(peers, 0)
    block = FRAME if name == "ws" else BLOCK
    left = {peer: memoryview(block) for peer in peers}
    chooser = selectors.DefaultSelector()
    for peer in peers:
        peer.setblocking(False)
        chooser.register(peer, selectors.EVENT_WRITE)
    until = time.monotonic() + SECONDS
    while chooser.get_map() and time.monotonic() < until:
        for key, _ in chooser.select(0.1):
            peer = key.fileobj
            try:
                count = peer.send(left[peer])
            except OSError as error:
                if isinstance(error, BlockingIOError) or "want" in str(error).lower() or "did not complete" in str(error):
                    continue
                chooser.unregister(peer)
                continue
            sent[peer] += count
            left[peer] = left[peer][count:] or memoryview(block)
            if sent[peer] >= EACH:
                chooser.unregister(peer)
    print(sum(sent.values()), flush=True)
    time.sleep(60)  # neither reads nor goes away; the attack ends this process


def enter(name, address, made):
    caller = connect(address)
    if name == "tls":
        return over_tls(caller, made)
    if name == "ws":
        caller.sendall(UPGRADE)
        head = b""
        while b"\r\n\r\n" not in head:
            head += caller.recv(1)
    return caller


def attack(name, made):
    keys = ("--cert", made["cert"], "--key", made["key"]) if name == "tls" else ()
    with server(f"{name}://127.0.0.1:0", "echo", "--idle", f"{IDLE}s", *keys) as (process, address):
        friend = enter(name, address, made)
        mine = b"\x82\x85" + bytes(4) + b"hello" if name == "ws" else b"hello"
        answer = b"\x82\x05hello" if name == "ws" else b"hello"
        alone = statistics.median(trips(friend, mine, answer, 1) for _ in range(5))
        before = resident(process)
        pusher = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), program(), "push", name, *map(str, address), made["ca"]],
            stdout=subprocess.PIPE, text=True)
        try:
            sent = int(pusher.stdout.readline())
            most, taken = resident(process) - before, []
            for _ in range(5):
                taken.append(trips(friend, mine, answer, 1))
                most = max(most, resident(process) - before)
            company = statistics.median(taken)
            until = time.monotonic() + IDLE
            while reasons(process) < PEERS and time.monotonic() < until:
                trips(friend, mine, answer, 0.1)
            cut = reasons(process)
        finally:
            pusher.kill()
            pusher.wait()
    holds = most * 1024 <= PEERS * CAP and cut == PEERS and company <= max(2 * alone, 5.0)
    return holds, (f"{name} {PEERS} peers sent {sent >> 20} MiB and read nothing: {most} KiB held, {cut} cut with a reason, "
                   f"p99 of another {company:.2f} ms (alone {alone:.2f})")


def reasons(process):
    said = said_by(process)
    return said.count("error[idle]") + said.count("error[overflow]")


def main():
    if sys.argv[2:3] == ["push"]:
        push(*sys.argv[3:])
        return
    with tempfile.TemporaryDirectory() as directory:
        made = certificates(directory)
        results = [attack(name, made) for name in ("tcp", "tls", "ws")]
    row(6, all(holds for holds, _ in results), "; ".join(text for _, text in results),
        "8 MiB a peer, all cut, p99 twice that alone or 5 ms")


if __name__ == "__main__":
    main()
