"""Row 15: a peer whose machine vanishes is found out within --keepalive, though nothing is sent and no FIN comes.

Two network namespaces and a veth pair between them; the link is cut while a session is open. Needs root.
Usage: attack/half_open.py target/release/sockeye
"""

import os
import re
import subprocess
import sys
import time

KEEPALIVE = 4
BOUND = KEEPALIVE + 2


def run(*words):
    subprocess.run(words, check=True)


def main(sockeye):
    here, there = f"sk-here-{os.getpid()}", f"sk-there-{os.getpid()}"
    started = []
    try:
        for name in (here, there):
            run("ip", "netns", "add", name)
        run("ip", "-n", here, "link", "add", "sk0", "type", "veth", "peer", "name", "sk1", "netns", there)
        for name, link, address in ((here, "sk0", "10.99.0.1/24"), (there, "sk1", "10.99.0.2/24")):
            run("ip", "-n", name, "addr", "add", address, "dev", link)
            run("ip", "-n", name, "link", "set", link, "up")
        server = subprocess.Popen(
            ["ip", "netns", "exec", here, sockeye, "serve", "tcp://10.99.0.1:7000", "echo",
             "--keepalive", f"{KEEPALIVE}s"],
            stderr=subprocess.PIPE, text=True)
        started.append(server)
        assert server.stderr.readline().startswith("listening on")
        client = subprocess.Popen(
            ["ip", "netns", "exec", there, sockeye, "connect", "tcp://10.99.0.1:7000"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(client)
        client.stdin.write(b"hi")
        client.stdin.flush()
        assert client.stdout.read1(2) == b"hi"
        cut = time.monotonic()
        run("ip", "-n", here, "link", "set", "sk0", "down")
        line = server.stderr.readline()
        took = time.monotonic() - cut
        assert re.search(r"error\[\w+\] 10\.99\.0\.2:\d+", line), line
        print(f"half-open peer found out after {took:.1f} s (bound {BOUND} s): {line.strip()}")
        return 0 if took <= BOUND else 1
    finally:
        for process in started:
            process.kill()
        for name in (here, there):
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "target/release/sockeye"))
