#!/usr/bin/env python3
"""What does not vary from run to run, held to bounds: system calls a message, resident bytes an idle session, and the
threads that a run starts which has nothing for them to do.

    cargo build && bench/gates.py [target/debug/sockeye [target/release/sockeye]]

With a second path, also how many bytes that file has.

Part of .ci/run. System calls are counted by strace, over a fixed number of lines of 64 bytes with the generator of
bench/compare (load.c), those of accepting and closing included. Memory is what the process grew by between 64 sessions
that said one line each and 2,064. Rates are no gates: they vary too much (bench/compare/run.py measures them). Needs cc,
strace and the right to trace (root). Standard library only.
"""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "compare"))

from streams import holding, syscalls  # noqa: E402

# Connections, in flight, messages, the most calls a message. Today's figures are 2.03 and 0.064, the C reference's as well
# (2 and 2/32 are the least); the rest is margin for how many peers one wake-up finds ready.
CALLS = ((64, 1, 32_000, 2.1), (64, 32, 640_000, 0.07))
SESSIONS = 2_000
WARM = 64
RESIDENT = 1536
# Runs that end at once, and need no thread for that.
ENDING = (["--version"], ["connect", "127.0.0.1:1"], ["--no-such-flag"])
# Today's is 14.89 MB; docs/performance.md says of what.
SIZE = 15_200_000


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1)) * 1024


class Echo:
    """`sockeye serve echo -F line` with its limits and deadlines at their defaults."""

    def __init__(self, sockeye):
        self.process = subprocess.Popen([sockeye, "serve", "tcp://127.0.0.1:0", "echo", "-F", "line"], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.port = re.search(r"listening on tcp://127\.0\.0\.1:(\d+)", self.process.stderr.readline()).group(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def threads(words):
    """How many threads, besides the first, a run starts."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as calls:
        subprocess.run(["strace", "-f", "-o", calls.name, "-e", "trace=clone,clone3", *words], check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return len(re.findall(r"clone3?\(.*CLONE_THREAD", calls.read()))


def gate(name, figure, bound, digits):
    is_kept = figure <= bound
    print(f"gate {name}: {figure:.{digits}f}, at most {bound:.{digits}f}: {'kept' if is_kept else 'BROKEN'}")
    return is_kept


def main():
    sockeye = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/debug/sockeye")
    kept = []
    with tempfile.TemporaryDirectory() as folder:
        load = os.path.join(folder, "load")
        subprocess.run(["cc", "-O2", "-o", load, os.path.join(HERE, "compare", "load.c")], check=True)
        for connections, flight, messages, bound in CALLS:
            with Echo(sockeye) as server:
                client = [load, "tcp", "-p", server.port, "-c", connections, "-f", flight, "-n", messages]
                calls = syscalls(server.process.pid, client) / messages
            kept.append(gate(f"system calls a message at {connections}x{flight}", calls, bound, 3))
        with Echo(sockeye) as server:
            hold = [load, "hold", "-p", server.port, "-c"]
            with holding([*hold, WARM]):
                before = resident(server.process.pid)
                with holding([*hold, SESSIONS]):
                    each = (resident(server.process.pid) - before) / SESSIONS
        kept.append(gate(f"resident bytes an idle session, of {SESSIONS:,}", each, RESIDENT, 0))
    for words in ENDING:
        kept.append(gate(f"threads of sockeye {' '.join(words)}", threads([sockeye, *words]), 0, 0))
    if len(sys.argv) > 2:
        kept.append(gate("bytes of the release binary", os.stat(sys.argv[2]).st_size, SIZE, 0))
    sys.exit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()
