#!/usr/bin/env python3
"""kill -9 of a recording server at random moments of traffic: the store opens, is sound, and has every session that was
told saved, whole.

    attack/kill_recorder.py [target/debug/sockeye] [KILLS]

All servers write to one store. Each is killed after 30 to 400 ms; what it told (`saved`, with --json) is then compared
with what clients said, byte for byte. Standard library only.
"""
import contextlib
import json
import os
import random
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

from victim import program

KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 200


class Client(threading.Thread):
    """Short sessions, one after the other, until the server is gone."""

    def __init__(self, port, number):
        super().__init__(daemon=True)
        self.port = port
        self.dice = random.Random(number)
        self.said = {}

    def run(self):
        try:
            while True:
                self.session()
        except OSError:
            pass

    def session(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as peer:
            port = peer.getsockname()[1]
            said = [os.urandom(self.dice.choice([1, 40, 3000])).hex() for _ in range(self.dice.randint(1, 8))]
            self.said[port] = said
            reader = peer.makefile("rb")
            for text in said:
                peer.sendall(text.encode() + b"\n")
                if reader.readline() != text.encode() + b"\n":
                    raise OSError("the server is gone")
            peer.shutdown(socket.SHUT_WR)
            if reader.read():
                raise OSError("more came than was sent")


def one(store, number):
    """Runs a server, kills it; how many sessions it told saved."""
    server = subprocess.Popen(
        [program(), "serve", "127.0.0.1:0", "echo", "-F", "line", "--record", "store", "--store", store, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    port = int(re.search(r":(\d+)$", server.stderr.readline()).group(1))
    told = []
    reader = threading.Thread(target=lambda: told.extend(server.stdout), daemon=True)
    reader.start()
    clients = [Client(port, number * 10 + at) for at in range(4)]
    for client in clients:
        client.start()
    time.sleep(random.Random(number).uniform(0.03, 0.4))
    server.kill()
    server.wait()
    reader.join(10)
    for client in clients:
        client.join(10)
    said = {}
    for client in clients:
        said.update(client.said)
    saved = [json.loads(line)["id"] for line in told if '"kind":"saved"' in line and line.endswith("}\n")]
    check(store, saved, said)
    return len(saved)


def check(store, saved, said):
    with contextlib.closing(sqlite3.connect(store)) as db:
        sound = db.execute("PRAGMA integrity_check").fetchall()
    if sound != [("ok",)]:
        sys.exit(f"the store is damaged: {sound}")
    listed = subprocess.run([program(), "sessions", "list", "--store", store, "--json", "--limit", "1000000"],
                            capture_output=True, text=True, check=True)
    rows = {row["id"]: row for row in map(json.loads, listed.stdout.splitlines())}
    if not saved:
        return
    names = [str(number) for number in saved]
    events = subprocess.run([program(), "sessions", "export", *names, "--store", store, "--as", "json"],
                            capture_output=True, text=True, check=True)
    heard = {number: ([], []) for number in saved}
    for event in map(json.loads, events.stdout.splitlines()):
        if event["kind"] == "message":
            heard[event["session"]][event["direction"] == "out"].append(event["text"])
    for number, (came, went) in heard.items():
        row = rows.get(number)
        if row is None or row.get("ended") is None:
            sys.exit(f"session {number} was told saved, and is missing or not whole")
        port = int(row["remote"].rsplit(":", 1)[1])
        if came != said[port] or went != said[port]:
            sys.exit(f"session {number} was told saved, and {len(came)} of {len(said[port])} messages are there")


def main():
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        store = os.path.join(directory, "sessions.db")
        saved = [one(store, number) for number in range(KILLS)]
        size = os.path.getsize(store)
    if sum(saved) == 0:
        sys.exit("no session was told saved: nothing was tried")
    print(f"row 33: kill -9 of a recorder x {KILLS}: the store sound each time, all {sum(saved)} sessions told saved "
          f"whole (bound: all), {size >> 10} KiB, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
