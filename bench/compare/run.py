#!/usr/bin/env python3
"""Sockeye beside its peers, all in one run: writes docs/performance.md, docs/performance.zh-CN.md and their pictures.

    cargo build --release && bench/compare/run.py [--only ROW]... [--rounds N] [--sockeye PATH] [--against OLD_BINARY]

Debian 12, as root: peers are installed from Debian, the C and Go programs beside this file are built, and everything runs
in a network namespace of its own. Rows that are not measured keep what docs/performance/results.json has of them.
`--draw` only writes the pages again. Standard library only. Read first: measure.py.
"""
import argparse
import datetime
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import bulk
import machine
import others
import report
import streams
from measure import BEFORE, OURS, rounds

ROOT = os.path.dirname(os.path.dirname(machine.HERE))
BUILT = os.path.join(ROOT, "target/release/sockeye")
SUITES = {
    "echo": streams.echo, "syscalls": streams.syscall_rows, "pipe": bulk.pipe, "proxy": bulk.proxy, "udp": others.udp,
    "udp-generator": others.datagram_generator, "idle": streams.idle, "accept": streams.accept, "start": streams.start,
    "generator": others.generator, "tls": others.tls,
}


def words():
    told = argparse.ArgumentParser(description="sockeye beside its peers")
    told.add_argument("--only", action="append", choices=list(SUITES), help="a row; may stand several times")
    told.add_argument("--rounds", type=int, default=5)
    told.add_argument("--sockeye", default=BUILT)
    told.add_argument("--against", metavar="OLD_BINARY", help="an older sockeye, as a peer")
    told.add_argument("--tolerate", type=float, default=0.12, metavar="SHARE",
                      help="of one CPU that other processes may take in a run that counts (0.12)")
    told.add_argument("--patience", type=float, default=10, metavar="SECONDS",
                      help="how long a run waits for them to be quiet (10)")
    told.add_argument("--docs", default=os.path.join(ROOT, "docs"), help="where the pages go")
    told.add_argument("--draw", action="store_true", help="write the pages from the kept results, measure nothing")
    return told.parse_args()


def kept(path):
    if not os.path.exists(path):
        return {"suites": {}}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def version(path):
    """What a binary says of itself, and the last commit to its sources where it was built here, after it and of no other."""
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if not os.path.exists(BUILT) or not os.path.samefile(path, BUILT):
        return told

    def git(*asked):
        sources = ["--", "crates", "Cargo.toml", "Cargo.lock"]
        return subprocess.run(["git", "-C", ROOT, *asked, *sources], capture_output=True, text=True, check=False).stdout.split()

    last, changed = git("log", "-1", "--format=%h %ct"), git("status", "--porcelain")
    is_of_last = len(last) == 2 and not changed and os.path.getmtime(BUILT) > int(last[1])
    return f"{told} ({last[0]})" if is_of_last else told


def measure(asked, results):
    sockeyes = {OURS: os.path.abspath(asked.sockeye)}
    if asked.against:
        sockeyes[BEFORE] = os.path.abspath(asked.against)
        results["before"] = version(asked.against)
    results["machine"] = machine.about(asked.sockeye)
    with machine.folder() as folder:
        bench = SimpleNamespace(folder=folder, sockeyes=sockeyes, built=machine.build(folder))
        for name in asked.only or SUITES:
            print(name, file=sys.stderr)
            suite = SUITES[name](bench)
            tables = [rounds(table, asked.rounds, asked.tolerate, asked.patience) for table in suite.tables]
            results["suites"][name] = {
                "id": name, "title": suite.title, "note": suite.note, "skipped": suite.skipped, "tables": tables,
                "rounds": asked.rounds, "date": datetime.date.today().isoformat(), "sockeye": version(asked.sockeye),
            }


def main():
    asked = words()
    path = os.path.join(asked.docs, "performance", "results.json")
    results = kept(path)
    if not asked.draw:
        if os.geteuid() != 0:
            sys.exit("bench/compare/run.py: as root: it installs packages and makes a network namespace")
        if os.environ.get("SOCKEYE_COMPARE") != "inside":
            machine.install()
        machine.enter()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        measure(asked, results)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(results, file, ensure_ascii=False, indent=1)
            file.write("\n")
    report.write(results, SUITES, asked.docs)


if __name__ == "__main__":
    main()
