#!/usr/bin/env python3
"""What recording costs: echoes a second with and without `--record`, the runs taking turns.

    cargo build --release && bench/record.py [target/release/sockeye] [ROUNDS]

The server is held on core 0 with all its threads, the recorder's too, and the client (bench/compare/load.c, built here) on
core 1. Each round runs every server once; printed are medians with the lowest and highest round, and the median of each
round's ratio to the run without recording. Needs cc and taskset. Standard library only.
"""
import contextlib
import json
import os
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile

SECONDS = "2"
SIZE = "64"
LOADS = {"64 sessions, 1 in flight": ("-c", "64", "-f", "1"), "64 sessions, 32 in flight": ("-c", "64", "-f", "32")}
WITHOUT = "without"
WAYS = {
    WITHOUT: [],
    "--record store": ["--record", "store"],
    "--record store --durable": ["--record", "store", "--durable"],
    "--record FILE.jsonl": ["--record", "{dir}/x.jsonl"],
    "--record FILE.pcapng": ["--record", "{dir}/x.pcapng"],
}
FLOOR = 0.60


def run(sockeye, load, way, shape, directory):
    """Messages a second that came back, and what was recorded of them, in bytes."""
    for name in os.listdir(directory):
        os.unlink(os.path.join(directory, name))
    store = os.path.join(directory, "sessions.db")
    words = [word.format(dir=directory) for word in WAYS[way]]
    server = subprocess.Popen(
        ["taskset", "-c", "0", sockeye, "serve", "127.0.0.1:0", "echo", "--store", store, *words],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
    port = re.search(r"listening on tcp://127\.0\.0\.1:(\d+)", server.stderr.readline()).group(1)
    told = subprocess.run(["taskset", "-c", "1", load, "tcp", "-p", port, *shape, "-s", SIZE, "-d", SECONDS],
                          check=True, capture_output=True, text=True)
    server.terminate()
    said = server.stderr.read()
    if server.wait(60) != 0 or "warning" in said:
        sys.exit(f"{way}: {said}")
    if "store" in words:
        check(store)
    size = sum(os.path.getsize(os.path.join(directory, name)) for name in os.listdir(directory))
    return json.loads(told.stdout)["rate"], size


def check(store):
    """Every session is there, and as many messages as came."""
    with contextlib.closing(sqlite3.connect(store)) as db:
        rows = db.execute("SELECT messages_in, messages_out, outcome FROM session").fetchall()
        lost = db.execute("SELECT sum(lost) FROM run").fetchone()[0]
    if len(rows) != 64 or lost or any(came == 0 or went == 0 for came, went, _ in rows):
        sys.exit(f"the store has {len(rows)} sessions and lost {lost} events")


def shown(values):
    return f"{statistics.median(values):,.0f} ({min(values):,.0f}-{max(values):,.0f})"


def main():
    sockeye = sys.argv[1] if len(sys.argv) > 1 else "target/release/sockeye"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    is_well = True
    with tempfile.TemporaryDirectory() as directory:
        load = os.path.join(directory, "load")
        files = os.path.join(directory, "files")
        os.mkdir(files)
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "compare", "load.c")
        subprocess.run(["cc", "-O2", "-o", load, source], check=True)
        for name, shape in LOADS.items():
            figures = {way: [] for way in WAYS}
            for _ in range(rounds):
                for way in WAYS:
                    figures[way].append(run(sockeye, load, way, shape, files)[0])
            print(f"\n{name}, {SIZE} bytes each:\n\n| | echoes a second | of without |\n|---|---|---|")
            for way, values in figures.items():
                ratio = statistics.median(one / base for one, base in zip(values, figures[WITHOUT]))
                print(f"| {way} | {shown(values)} | {ratio:.0%} |")
                if way == "--record store" and name.endswith(" 1 in flight") and ratio < FLOOR:
                    is_well = False
    print(f"\nrecording to the store keeps {FLOOR:.0%} at one in flight: {'yes' if is_well else 'NO'}")
    sys.exit(0 if is_well else 1)


if __name__ == "__main__":
    main()
