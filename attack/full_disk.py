#!/usr/bin/env python3
"""A disk of 1 MB fills while sessions are recorded to it: they go on, one warning says so, and what was written opens.

    attack/full_disk.py [target/debug/sockeye]

Each kind of recording in turn, on a tmpfs of its own. Needs root, to mount it. Standard library only.
"""
import contextlib
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

from victim import program

PASSED = 8 << 20
CHUNK = os.urandom(16 << 10)


def run(kind, disk):
    """Passes 8 MiB through a server that records; what it said on stderr."""
    target = ["store"] if kind == "store" else [f"{disk}/x.{kind}"]
    server = subprocess.Popen(
        [program(), "serve", "127.0.0.1:0", "echo", "--store", f"{disk}/sessions.db", "--record", *target],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    port = int(re.search(r":(\d+)$", server.stderr.readline()).group(1))
    slowest = 0.0
    for _ in range(8):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            for _ in range(PASSED // 8 // len(CHUNK)):
                began = time.monotonic()
                peer.sendall(CHUNK)
                heard = bytearray()
                while len(heard) < len(CHUNK):
                    piece = peer.recv(1 << 16)
                    if not piece:
                        sys.exit(f"{kind}: the session ended with the disk")
                    heard += piece
                if heard != CHUNK:
                    sys.exit(f"{kind}: another byte came back")
                slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.1)
    server.terminate()
    said = server.stderr.read()
    if server.wait(30) != 0:
        sys.exit(f"{kind}: exit {server.returncode}: {said}")
    warnings = re.findall(r"^warning\[recording-stopped\].*$", said, re.M)
    if len(warnings) != 1 or len(re.findall(r"^(?:warning|error)", said, re.M)) != 1:
        sys.exit(f"{kind}: not one warning:\n{said}")
    return slowest


def check(kind, disk):
    """What is on the disk, which must be readable."""
    if kind == "store":
        with contextlib.closing(sqlite3.connect(f"{disk}/sessions.db")) as db:
            if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                sys.exit("the store is damaged")
            count = db.execute("SELECT count(*) FROM block").fetchone()[0]
        subprocess.run([program(), "sessions", "list", "--store", f"{disk}/sessions.db"], check=True,
                       stdout=subprocess.DEVNULL)
        return f"{count} blocks"
    path = f"{disk}/x.{kind}"
    if kind == "jsonl":
        with open(path, encoding="utf-8") as lines:
            return f"{len([json.loads(line) for line in lines])} events"
    return f"{os.path.getsize(path) >> 10} KiB"


def main():
    results = []
    for kind in ["store", "jsonl", "skt", "pcapng"]:
        with tempfile.TemporaryDirectory() as disk:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
            try:
                slowest = run(kind, disk)
                results.append(f"{kind}: {check(kind, disk)}, slowest answer {slowest * 1000:.0f} ms")
            finally:
                subprocess.run(["umount", disk], check=True)
    print(f"row 34: a full disk under a recording: 8 MiB passed each, one warning each; {'; '.join(results)}")


if __name__ == "__main__":
    main()
