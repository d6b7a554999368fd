#!/usr/bin/env python3
"""What TLS costs here, beside OpenSSL's server and ncat: full and resumed handshakes a second, and bytes into a server.

    cargo build --release && bench/tls.py [target/release/sockeye] [ROUNDS]

One certificate (ECDSA P-256) and one client for all: `openssl s_time` for handshakes, one after the other, and Python's
`ssl` for bulk. Servers take turns within each round, server and client each have a core of their own, and what is
printed are medians with the lowest and highest round. Needs openssl, ncat and taskset. Standard library only.
"""
import os
import re
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

SECONDS = 2
BULK = 256 << 20
CHUNK = bytes(1 << 20)
ON_SERVER = ["taskset", "-c", "0"]
ON_CLIENT = ["taskset", "-c", "1"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def commands(sockeye, certificate, key, port):
    """How each server is started; all read what comes and say nothing."""
    at = f"127.0.0.1:{port}"
    return {
        "sockeye": [sockeye, "serve", f"tls://{at}", "discard", "--cert", certificate, "--key", key],
        "openssl s_server": ["openssl", "s_server", "-accept", at, "-cert", certificate, "-key", key, "-quiet"],
        "ncat --ssl": ["ncat", "--ssl", "-l", "-k", "--recv-only", "--ssl-cert", certificate, "--ssl-key", key,
                       "127.0.0.1", str(port)],
    }


class Server:
    """A server that runs, on its core."""

    def __init__(self, name, sockeye, certificate, key):
        self.port = free_port()
        command = ON_SERVER + commands(sockeye, certificate, key, self.port)[name]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while True:
            try:
                context().wrap_socket(socket.create_connection(("127.0.0.1", self.port))).close()
                return
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def context():
    one = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    one.check_hostname = False
    one.verify_mode = ssl.CERT_NONE
    return one


def handshakes(port, kind):
    """Connections a second of real time."""
    words = ON_CLIENT + ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", kind, "-time", str(SECONDS)]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    found = re.findall(r"(\d+) connections in (\d+) real seconds", said)
    count, seconds = found[-1]
    # It counts whole seconds, the last of them begun.
    return int(count) / min(int(seconds), SECONDS)


def bulk(port):
    """MiB a second, as the client is rid of them."""
    os.sched_setaffinity(0, {1})
    with context().wrap_socket(socket.create_connection(("127.0.0.1", port))) as connection:
        began = time.monotonic()
        for _ in range(BULK // len(CHUNK)):
            connection.sendall(CHUNK)
        return (BULK >> 20) / (time.monotonic() - began)


MEASURES = {
    "full handshakes/s": lambda port: handshakes(port, "-new"),
    "resumed handshakes/s": lambda port: handshakes(port, "-reuse"),
    "MiB/s into the server": bulk,
}


def main():
    sockeye = sys.argv[1] if len(sys.argv) > 1 else "target/release/sockeye"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sockeye, "cert", "all", "--dir", folder], check=True, capture_output=True)
        certificate, key = f"{folder}/server.pem", f"{folder}/server.key"
        names = list(commands(sockeye, certificate, key, 0))
        results = {(measure, name): [] for measure in MEASURES for name in names}
        for round_number in range(rounds):
            for measure, run in MEASURES.items():
                # Whoever is first is another one each round.
                turn = round_number % len(names)
                for name in names[turn:] + names[:turn]:
                    with Server(name, sockeye, certificate, key) as server:
                        results[measure, name].append(run(server.port))
    print(f"{'':22} " + " ".join(f"{name:>28}" for name in names))
    for measure in MEASURES:
        cells = []
        for name in names:
            values = results[measure, name]
            cells.append(f"{statistics.median(values):9.0f} ({min(values):.0f}-{max(values):.0f})")
        print(f"{measure:22} " + " ".join(f"{cell:>28}" for cell in cells))
    for name in names[1:]:
        ratios = []
        for measure in MEASURES:
            pairs = zip(results[measure, names[0]], results[measure, name])
            ratios.append(f"{statistics.median(ours / theirs for ours, theirs in pairs):.2f}")
        print(f"sockeye against {name}: {', '.join(ratios)} (medians of each round's ratio, rows as above)")


if __name__ == "__main__":
    main()
