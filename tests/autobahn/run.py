#!/usr/bin/env python3
"""WebSocket conformance: the cases of the Autobahn test suite (through kosoku), against both of our sides.

    cargo build -p sockeye-cli && cargo build -p sockeye-net --example ws_echo_client
    tests/python/venv.sh && target/python/bin/python tests/autobahn/run.py

Ends with 1 if any case is not as docs/websocket-conformance.md says.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOCKEYE = ROOT / "target/debug/sockeye"
CLIENT = ROOT / "target/debug/examples/ws_echo_client"
KOSOKU = pathlib.Path(sys.executable).with_name("kosoku")

# Extensions are not built in: the cases of permessage-deflate have nothing to test.
LEFT_OUT = ["12.*", "13.*"]
CASES = 301

# Cases that may end otherwise than OK, and how: see docs/websocket-conformance.md.
KNOWN = {
    "6.4.3": "NON-STRICT",
    "6.4.4": "NON-STRICT",
    "7.1.6": "INFORMATIONAL",
    "7.13.1": "INFORMATIONAL",
    "7.13.2": "INFORMATIONAL",
}
PATIENCE = 300


def kosoku(mode, address, reports):
    words = [KOSOKU, "-m", mode, address, "-o", str(reports)]
    for case in LEFT_OUT:
        words += ["-x", case]
    return words


def told(stream, pattern):
    """What stands after `pattern` on the first line that has it."""
    for line in stream:
        found = re.search(pattern + r"\s*(\S+)", line)
        if found:
            return found.group(1)
    sys.exit(f"no line with {pattern!r}")


def server(reports):
    words = [SOCKEYE, "serve", "ws://127.0.0.1:0", "echo", "--max-message", "64m"]
    with tempfile.TemporaryFile("w+") as log:
        serving = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            url = told(serving.stderr, "listening on")
            # Its complaints about broken peers are what it is for; they must not fill the pipe.
            draining = subprocess.Popen(["cat"], stdin=serving.stderr, stdout=log)
            subprocess.run(kosoku("fuzzingclient", url, reports), stdout=subprocess.DEVNULL, timeout=PATIENCE)
            if serving.poll() is not None:
                sys.exit(f"the server ended with {serving.returncode}")
        finally:
            serving.terminate()
            serving.wait(PATIENCE)
        draining.wait(PATIENCE)


def client(reports):
    words = kosoku("fuzzingserver", "127.0.0.1:0", reports)
    fuzzing = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        address = told(fuzzing.stderr, "listening on").removeprefix("ws://")
        subprocess.run([CLIENT, address, "sockeye"], timeout=PATIENCE, check=True, stderr=subprocess.DEVNULL)
        fuzzing.wait(PATIENCE)
    finally:
        fuzzing.kill()
        fuzzing.wait()


def judge(side, reports):
    """Prints the figures of one side; whether they are as they must be."""
    index = json.loads((reports / "index.json").read_text())
    [cases] = index.values()
    counts = collections.Counter(case["behavior"] for case in cases.values())
    print(f"{side}: {len(cases)} cases:", ", ".join(f"{count} {name}" for name, count in counts.most_common()))
    good = len(cases) == CASES
    if not good:
        print(f"  {CASES} cases were expected")
    for name, case in sorted(cases.items()):
        verdicts = {case["behavior"], case["behaviorClose"]} - {"OK"}
        if verdicts - {KNOWN.get(name)}:
            good = False
            print(f"  {name}: {case['behavior']}, close {case['behaviorClose']}, code {case['remoteCloseCode']}")
    return good


def main():
    good = True
    for side, run in [("server", server), ("client", client)]:
        with tempfile.TemporaryDirectory() as reports:
            reports = pathlib.Path(reports)
            run(reports)
            good &= judge(side, reports)
    sys.exit(0 if good else 1)


main()
