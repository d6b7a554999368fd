#!/usr/bin/env python3
"""Guesses passwords at a server, and looks for what its answers give away by their time.

    cargo build --release && attack/guessing.py [target/release/sockeye] [GUESSES]

Rows 27 and 28 of the attack plan, with nothing but the standard library. Three attacks on `sockeye serve auth+tcp://`:

1. GUESSES (10,000) wrong passwords from one address. All must be refused, and the server must soon stop to look at them.
2. As many from thousands of addresses, each too few to be turned away for: what one guess costs the server.
3. As many, in turns for a user that is there, another one, and one that is not: whether the time until the answer tells
   which. The two real users are the measure of what noise is.

Meanwhile an honest client, logged in from another address, has small lines echoed; and another one must still come in.
Prints figures; the exit code is 1 if anything is not as it must be.
"""
import base64
import hashlib
import hmac
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

PASSWORD = b"canary-of-alice"
# How often one address may guess before it is turned away, in attacks that are not to be.
TRIES = 4
# What is too much. Milliseconds of processor time for a guess; milliseconds for an echo meanwhile (p99), on a machine that
# the attack itself keeps busy; how far from a coin's toss one may tell two kinds of answers apart.
COST = 1.0
ECHO = 100.0
TELLING = 0.05

failures = []


def must(holds, what):
    if not holds:
        failures.append(what)
        print(f"  FAILED: {what}")


def sources():
    """Addresses of this machine, TRIES times each: every one of 127.0.0.0/8 is."""
    number = 0
    while True:
        number += 1
        for _ in range(TRIES):
            yield f"127.{number >> 16 & 127 | 64}.{number >> 8 & 255}.{number & 255}"


class Turned(Exception):
    """The server closed before it said anything, or in the middle."""


class Call:
    """One connection, line by line."""

    def __init__(self, address, source):
        self.socket = socket.create_connection(address, 10, (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = b""

    def line(self):
        while b"\n" not in self.left:
            try:
                got = self.socket.recv(4096)
            except ConnectionResetError:
                got = b""
            if not got:
                raise Turned
            self.left += got
        line, self.left = self.left.split(b"\n", 1)
        return line.decode()

    def say(self, data):
        try:
            self.socket.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            raise Turned from None

    def close(self):
        self.socket.close()


def encode(data):
    return base64.b64encode(data).decode()


def guess(address, source, user):
    """A proof that nobody computed: what came of it, and the seconds until the challenge and until the answer."""
    call = Call(address, source)
    try:
        greeting = call.line()
        if greeting.startswith("no "):
            return greeting[3:], 0, 0
        nonce = encode(os.urandom(18))
        first = b"SCRAM-SHA-256 " + encode(f"n,,n={user},r={nonce}".encode()).encode() + b"\n"
        began = time.perf_counter()
        call.say(first)
        challenge = base64.b64decode(call.line()[2:]).decode()
        challenged = time.perf_counter()
        joined = challenge.split(",")[0][2:]
        last = encode(f"c=biws,r={joined},p={encode(os.urandom(32))}".encode()).encode() + b"\n"
        proved = time.perf_counter()
        call.say(last)
        answer = call.line()
        answered = time.perf_counter()
        word = answer[3:] if answer.startswith("no ") else "LET IN: " + answer
        return word, challenged - began, answered - proved
    except Turned:
        return "turned away", 0, 0
    finally:
        call.close()


def login(address, source, user="alice", password=PASSWORD):
    """Logs in as one should, and gives the call."""
    call = Call(address, source)
    call.line()
    bare = f"n={user},r={encode(os.urandom(18))}"
    call.say(b"SCRAM-SHA-256 " + encode(b"n,," + bare.encode()).encode() + b"\n")
    challenge = base64.b64decode(call.line()[2:]).decode()
    fields = dict(field.split("=", 1) for field in challenge.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(fields["s"]), int(fields["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    last = "c=biws,r=" + fields["r"]
    signed = ",".join([bare, challenge, last]).encode()
    signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
    proof = bytes(a ^ b for a, b in zip(key, signature))
    call.say(encode((last + ",p=" + encode(proof)).encode()).encode() + b"\n")
    if not call.line().startswith("ok "):
        raise Turned
    return call


class Honest(threading.Thread):
    """Has lines echoed, a hundred a second, until told to stop."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.call = login(address, "127.0.0.1")
        self.taken = []
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.01):
            began = time.perf_counter()
            self.call.say(b"hello\n")
            assert self.call.line() == "hello"
            self.taken.append((time.perf_counter() - began) * 1000)

    def end(self):
        self.over.set()
        self.join(10)
        self.call.close()
        taken = sorted(self.taken) or [math.inf]
        return taken[len(taken) // 2], taken[len(taken) * 99 // 100]


def processor(pid):
    """Seconds of processor time that a process has used (proc(5))."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def attack(title, server, address, count, origins, users):
    """Guesses `count` times in turns; what came of them, and the times of those that were looked at, by user."""
    print(title)
    honest = Honest(address)
    honest.start()
    outcomes, times = {}, {user: [] for user in users}
    before, began = processor(server.pid), time.perf_counter()
    for number in range(count):
        user = users[number % len(users)]
        word, *taken = guess(address, next(origins), user)
        outcomes[word] = outcomes.get(word, 0) + 1
        if word == "credentials":
            times[user].append(taken)
    spent, lasted = processor(server.pid) - before, time.perf_counter() - began
    median, worst = honest.end()
    each = spent * 1000 / count
    print(f"  {count} guesses in {lasted:.1f} s: " + ", ".join(f"{n} {word}" for word, n in sorted(outcomes.items())))
    print(f"  server: {spent:.2f} s of processor time, {each * 1000:.0f} us a guess")
    print(f"  honest client meanwhile: {median:.2f} ms p50, {worst:.2f} ms p99 of {len(honest.taken)} echoes")
    must(not [word for word in outcomes if word.startswith("LET IN")], "a guess was let in")
    must(not set(outcomes) - {"credentials", "later", "turned away"}, f"odd answers: {outcomes}")
    must(each <= COST, f"a guess costs more than {COST} ms")
    must(worst <= ECHO, f"an echo takes more than {ECHO} ms")
    call = login(address, "127.0.0.3")
    call.say(b"still\n")
    must(call.line() == "still", "somebody else cannot come in")
    call.close()
    return outcomes, times


def telling(left, right):
    """How likely a value of `left` is above one of `right` (0.5: nothing to tell by), and how likely chance alone makes it
    differ that much: the rank test of Mann and Whitney, by its normal approximation."""
    ranked = sorted([(value, 0) for value in left] + [(value, 1) for value in right])
    ranks, at = 0.0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        ranks += (at + 1 + end) / 2 * sum(1 for _, side in ranked[at:end] if side == 0)
        at = end
    n, m = len(left), len(right)
    above = (ranks - n * (n + 1) / 2) / (n * m)
    z = (above - 0.5) / math.sqrt((n + m + 1) / (12 * n * m))
    return above, math.erfc(abs(z) / math.sqrt(2))


def compare(times):
    """Whether the time until an answer tells a user that is there from one that is not."""
    for step, name in enumerate(["until the challenge", "until the answer"]):
        taken = {user: [pair[step] * 1e6 for pair in pairs] for user, pairs in times.items()}
        medians = ", ".join(f"{user} {statistics.median(all):.1f} us" for user, all in taken.items())
        noise, _ = telling(taken["alice"], taken["marie"])
        above, chance = telling(taken["alice"], taken["nobdy"])
        print(f"  {name}, medians: {medians}")
        print(f"    there or not there: {above:.3f} (by chance alone: p = {chance:.2f}); two that are there: {noise:.3f}")
        must(abs(above - 0.5) <= TELLING, f"the time {name} tells who is there")


def main():
    binary = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/release/sockeye")
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    with tempfile.TemporaryDirectory() as directory:
        users = os.path.join(directory, "users")
        for name in ["alice", "marie"]:
            add = [binary, "user", "add", name, "--users", users, "--iterations", "4096"]
            subprocess.run(add, env={"SOCKEYE_PASSWORD": PASSWORD.decode()}, check=True, capture_output=True)
        serve = [binary, "serve", "auth+tcp://127.0.0.1:0", "echo", "-F", "line", "--users", users]
        server = subprocess.Popen(serve, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            host, port = server.stderr.readline().split()[2].split("://")[1].rsplit(":", 1)
            threading.Thread(target=server.stderr.read, daemon=True).start()
            address, origins = (host, int(port)), sources()
            one = iter(lambda: "127.0.0.2", None)
            outcomes, _ = attack("1. from one address", server, address, count, one, ["alice"])
            must(outcomes.get("credentials", 0) <= 20, "the server goes on to look at guesses of one address")
            attack("2. from many addresses", server, address, count, origins, ["alice"])
            _, times = attack("3. who is there", server, address, count, origins, ["alice", "marie", "nobdy"])
            compare(times)
            must(server.poll() is None, "the server has ended")
        finally:
            server.kill()
            server.wait()
    print("failed: " + "; ".join(failures) if failures else "all as it must be")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
