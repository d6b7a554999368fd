"""The server that an attack is made on, and how it is found to be alive. Imported by the attacks beside this file."""
import contextlib
import os
import resource
import socket
import subprocess
import sys
import time


def program():
    """The program to attack: the first argument, or the debug build."""
    return sys.argv[1] if len(sys.argv) > 1 else "target/debug/sockeye"


def raise_descriptors(wanted):
    """Allows this process and the server so many descriptors, or ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted:
        sys.exit(f"this attack needs {wanted} descriptors (ulimit -Hn says {hard})")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.contextmanager
def server(*args, before=None):
    """`sockeye serve ARGS`: its process and address. What it says is kept in the file `process.said`."""
    said = open(f"/tmp/attack-{os.getpid()}.log", "w+", encoding="utf-8")
    process = subprocess.Popen(
        [program(), "serve", *args], stderr=said, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, preexec_fn=before
    )
    try:
        process.said = said.name
        yield process, address_of(said.name)
    finally:
        process.terminate()
        process.wait(10)
        said.close()
        os.unlink(said.name)


def address_of(path):
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with open(path, encoding="utf-8") as said:
            for line in said:
                if line.startswith("listening on ") and line.endswith("\n"):
                    host, port = line.split("://")[1].strip().rsplit(":", 1)
                    return host, int(port)
        time.sleep(0.02)
    sys.exit("the server is not ready after 10 s")


def connect(address, source=None, timeout=10):
    caller = socket.create_connection(address, timeout, source_address=(source, 0) if source else None)
    caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return caller


def resident(process):
    """Resident memory in KiB."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def echo_time(address, question, answer, source=None):
    """How long a fresh client waits for its echo, connecting included. Ends the attack if it waits in vain."""
    started = time.monotonic()
    with connect(address, source) as caller:
        caller.sendall(question)
        got = b""
        while len(got) < len(answer):
            more = caller.recv(65536)
            if not more:
                sys.exit(f"a fresh client is turned away, having got {got!r}")
            got += more
    if got != answer:
        sys.exit(f"a fresh client got {got!r}")
    return time.monotonic() - started


def verdict(holds, text):
    """Prints the figure, and ends with 1 if it is not as it should be."""
    print(f"{'ok' if holds else 'FAILED'}: {text}")
    sys.exit(0 if holds else 1)
