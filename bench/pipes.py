#!/usr/bin/env python3
"""How fast bytes go through: `connect` and `receive` beside nc, ncat, socat and iperf3; `proxy` beside nginx, haproxy, socat.

    cargo build --release && bench/pipes.py [--sockeye PATH] [--rounds N] [--mebibytes N] [--only pipe|cat|proxy|small]
                                            [--against PATH] [--tries N]

Programs take turns within each round. Printed are medians with the lowest and highest round, and the median of each
round's ratio of sockeye to the other program (for CPU: seconds a gigabyte of both ends, or of the proxy). Receiver (or
proxy) on core 0, sender (and target) on core 1, in a network of their own that has only `lo`. A round in which other
processes took more than 12 % of a core is measured again, at most `--tries` times, and said when it stays so. Every program
also moves a file of noise to a file once, and the two are compared. Needs root, cc, taskset, unshare and the programs
(Debian: netcat-openbsd ncat socat iperf3 nginx libnginx-mod-stream haproxy). Standard library only.
"""
import argparse
import filecmp
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
AT = "127.0.0.1"
BUSY = 0.12
TRIES = 4
SECONDS = "2"
LOADS = {"1x1": ("1", "1"), "64x1": ("64", "1"), "64x32": ("64", "32")}
GOALS = {
    "pipe": {"nc": 3.5, "ncat": 6, "socat -b262144": 2.5, "iperf3 -Z": 0.85},
    "pipe cpu": {"nc": 0.3},
    "cat": {"nc": 1.5},
    "proxy": {"nginx": 2.5, "haproxy": 2.5, "socat": 6},
    "small": {"nginx": 1.0},
}
PORTS = iter(range(20000, 60000))


def on(core, words):
    return ["taskset", "-c", str(core), *words]


def listens(port, process):
    """Waits for a listener without connecting to it: many take one connection and end."""
    wanted = f":{port:04X} "
    until = time.monotonic() + 10
    while time.monotonic() < until:
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            with open(table, encoding="ascii") as lines:
                if any(wanted in line and " 0A " in line for line in lines):
                    return
        if process.poll() is not None:
            sys.exit(f"{process.args} ended with {process.returncode}")
        time.sleep(0.002)
    sys.exit(f"{process.args} does not listen")


def busy():
    """Jiffies that all cores have worked."""
    with open("/proc/stat", encoding="ascii") as lines:
        user, nice, system, _idle, _wait, irq, soft, steal = map(int, lines.readline().split()[1:9])
    return user + nice + system + irq + soft + steal


def own():
    """Seconds of CPU that we and our ended children took."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def undisturbed(measure, tries):
    """Measures until other processes leave the cores alone. The last measure, and whether it was disturbed."""
    tick = os.sysconf("SC_CLK_TCK")
    for _ in range(tries):
        began, before, mine = time.monotonic(), busy(), own()
        result = measure()
        others = (busy() - before) / tick - (own() - mine)
        if others / (time.monotonic() - began) <= BUSY:
            return result, False
    return result, True


# One way, from stdin to stdout.

def ways(args):
    """Each program's receiver and sender at a port. iperf3 makes its own bytes."""
    def sockeye(path):
        return (lambda port: [path, "serve", f"{AT}:{port}", "receive", "--once"],
                lambda port: [path, "connect", f"{AT}:{port}"])
    found = {
        "sockeye": sockeye(args.sockeye),
        "nc": (lambda port: ["nc.openbsd", "-l", "-d", AT, str(port)],
               lambda port: ["nc.openbsd", "-N", AT, str(port)]),
        "ncat": (lambda port: ["ncat", "-l", "--recv-only", AT, str(port)],
                 lambda port: ["ncat", "--send-only", AT, str(port)]),
        "socat -b262144": (lambda port: ["socat", "-u", "-b262144", f"TCP-LISTEN:{port},bind={AT},reuseaddr", "STDOUT"],
                           lambda port: ["socat", "-u", "-b262144", "STDIN", f"TCP:{AT}:{port}"]),
    }
    if args.against:
        found["before"] = sockeye(args.against)
    return found


def through(way, source, sink, cat):
    """Seconds, and seconds of CPU of both ends, to move a file."""
    port = next(PORTS)
    receiver, sender = way
    with open(source, "rb") as file, open(sink, "wb") as out:
        before = os.times()
        server = subprocess.Popen(on(0, receiver(port)), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL)
        listens(port, server)
        began = time.monotonic()
        stdin, feeder = file, None
        if cat:
            feeder = subprocess.Popen(on(1, ["cat", source]), stdout=subprocess.PIPE)
            stdin = feeder.stdout
        client = subprocess.Popen(on(1, sender(port)), stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if feeder:
            feeder.stdout.close()
        if client.wait(300) != 0 or server.wait(300) != 0 or feeder and feeder.wait(300) != 0:
            sys.exit(f"{sender(port)} ended with {client.returncode}, the receiver with {server.returncode}")
        took = time.monotonic() - began
        after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return took, cpu


def iperf(size):
    port = next(PORTS)
    before = os.times()
    server = subprocess.Popen(on(0, ["iperf3", "-s", "-1", "-p", str(port)]), stdout=subprocess.DEVNULL)
    listens(port, server)
    told = subprocess.run(on(1, ["iperf3", "-c", AT, "-p", str(port), "-Z", "-n", str(size), "-J"]),
                          check=True, capture_output=True)
    server.wait(60)
    after = os.times()
    received = json.loads(told.stdout)["end"]["sum_received"]
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return received["seconds"] * size / received["bytes"], cpu


def one_way(args, directory, cat):
    source, copy, size = os.path.join(directory, "noise"), os.path.join(directory, "copy"), args.mebibytes << 20
    found = ways(args)
    for name, way in found.items():
        through(way, source, copy, cat)
        if not filecmp.cmp(source, copy, shallow=False):
            sys.exit(f"{name}: the bytes that came are not those that went")
        os.unlink(copy)
    runs = {name: lambda way=way: through(way, source, "/dev/null", cat) for name, way in found.items()}
    if not cat:
        runs["iperf3 -Z"] = lambda: iperf(size)
    rounds = play(args, runs)
    row = "cat" if cat else "pipe"
    rates = {name: [size / took / 1e9 for took, _ in took_all] for name, took_all in rounds.items()}
    table("cat FILE | …, through TCP, to /dev/null" if cat else "FILE on stdin, through TCP, to /dev/null", "GB/s", rates,
          GOALS[row])
    costs = {name: [cpu / (size / 1e9) for _, cpu in took_all] for name, took_all in rounds.items()}
    table("the same: CPU of both ends", "s/GB", costs, GOALS.get(row + " cpu", {}), lower=True)


# Through a relay.

NGINX = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; master_process off; pid {directory}/nginx.pid; error_log /dev/null;
events {{ worker_connections 4096; }}
stream {{ server {{ listen {at}:{port}; proxy_pass {at}:{target}; tcp_nodelay on; proxy_half_close on; }} }}
"""
HAPROXY = """
global
  nbthread 1
  maxconn 4096
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
{more}
listen one
  bind {at}:{port}
  server target {at}:{target}
"""


def relays(args, directory):
    """How each relay is started, given its port and its target's."""
    def written(name, text, **values):
        path = os.path.join(directory, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text.format(at=AT, directory=directory, **values))
        return path

    def haproxy(name, more):
        return lambda port, target: ["haproxy", "-db", "-q", "-f",
                                     written(name, HAPROXY, port=port, target=target, more=more)]
    found = {
        "sockeye": lambda port, target: [args.sockeye, "proxy", f"{AT}:{port}", f"{AT}:{target}"],
        "nginx": lambda port, target: ["nginx", "-c", written("nginx.conf", NGINX, port=port, target=target)],
        "haproxy": haproxy("haproxy.conf", ""),
        "haproxy splice-auto": haproxy("splicing.conf", "  option splice-auto"),
        "socat": lambda port, target: ["socat", "-t60", f"TCP-LISTEN:{port},bind={AT},reuseaddr,fork,nodelay,backlog=1024",
                                       f"TCP:{AT}:{target},nodelay"],
    }
    if args.against:
        found["before"] = lambda port, target: [args.against, "proxy", f"{AT}:{port}", f"{AT}:{target}"]
    return found


def cpu_of(process):
    """Seconds of CPU that a process and its ended children took. A relay that forks has ended its children by now."""
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:15])) / os.sysconf("SC_CLK_TCK")


class Relay:
    """A relay that runs, towards a target."""

    def __init__(self, command, target):
        self.port = next(PORTS)
        self.process = subprocess.Popen(on(0, command(self.port, target)), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        listens(self.port, self.process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def drain(listener, sink, size):
    """In a process of its own: takes one connection to its end, into a file, or nowhere without copying a byte."""
    os.sched_setaffinity(0, {1})
    peer, _ = listener.accept()
    came, buffer = 0, bytearray(1 << 20)
    with open(sink, "wb") as file:
        while count := peer.recv_into(buffer, 0, socket.MSG_TRUNC if sink == "/dev/null" else 0):
            came += count
            if sink != "/dev/null":
                file.write(memoryview(buffer)[:count])
    peer.sendall(b"!")
    os._exit(0 if came == size else 1)


def relayed(command, source, sink, size):
    """Seconds, and the relay's seconds of CPU, to move a file through it."""
    listener = socket.create_server((AT, 0))
    target = os.fork()
    if target == 0:
        drain(listener, sink, size)
    with Relay(command, listener.getsockname()[1]) as relay, open(source, "rb") as file:
        os.sched_setaffinity(0, {1})
        before, began = cpu_of(relay.process), time.monotonic()
        with socket.create_connection((AT, relay.port)) as peer:
            peer.sendfile(file)
            peer.shutdown(socket.SHUT_WR)
            if peer.recv(1) != b"!":
                sys.exit(f"{relay.process.args} did not bring the answer")
        took = time.monotonic() - began
        time.sleep(0.05)
        cpu = cpu_of(relay.process) - before
    os.sched_setaffinity(0, {0, 1})
    if os.waitpid(target, 0)[1] != 0:
        sys.exit("the target did not get all bytes")
    listener.close()
    return took, cpu


def bulk(args, directory):
    source, copy, size = os.path.join(directory, "noise"), os.path.join(directory, "copy"), args.mebibytes << 20
    found = relays(args, directory)
    for name, command in found.items():
        relayed(command, source, copy, size)
        if not filecmp.cmp(source, copy, shallow=False):
            sys.exit(f"{name}: the bytes that came are not those that went")
        os.unlink(copy)
    rounds = play(args, {name: lambda command=command: relayed(command, source, "/dev/null", size)
                         for name, command in found.items()})
    rates = {name: [size / took / 1e9 for took, _ in took_all] for name, took_all in rounds.items()}
    table("proxy, bulk", "GB/s", rates, GOALS["proxy"])
    costs = {name: [cpu / (size / 1e9) for _, cpu in took_all] for name, took_all in rounds.items()}
    table("the same: CPU of the proxy", "s/GB", costs, {}, lower=True)


def small(args, directory):
    load = os.path.join(directory, "load")
    subprocess.run(["cc", "-O2", "-o", load, os.path.join(HERE, "load.c")], check=True)
    target = next(PORTS)
    echo = subprocess.Popen(on(1, [args.sockeye, "serve", f"{AT}:{target}", "echo"]), stderr=subprocess.DEVNULL)
    listens(target, echo)

    def measure(command, shape):
        with Relay(command, target) as relay:
            told = subprocess.run(on(1, [load, str(relay.port), *shape, "64", SECONDS]),
                                  check=True, capture_output=True, text=True)
        return int(told.stdout)
    for label, shape in LOADS.items():
        found = relays(args, directory)
        rounds = play(args, {name: lambda command=command: measure(command, shape) for name, command in found.items()})
        table(f"proxy, messages of 64 bytes, {label}", "k/s",
              {name: [rate / 1e3 for rate in rates] for name, rates in rounds.items()}, GOALS["small"])
    echo.terminate()
    echo.wait(60)


def play(args, runs):
    """The results of each run in each round."""
    rounds, disturbed = {name: [] for name in runs}, 0
    for _ in range(args.rounds):
        for name, run in runs.items():
            result, was_disturbed = undisturbed(run, args.tries)
            disturbed += was_disturbed
            rounds[name].append(result)
    if disturbed:
        print(f"note: {disturbed} of {args.rounds * len(runs)} runs stayed disturbed by other processes")
    return rounds


def table(title, unit, rates, goals, lower=False):
    print(f"\n{title}")
    ours = rates["sockeye"]
    for name, all_rounds in rates.items():
        middle = statistics.median(all_rounds)
        line = f"  {name:20} {middle:9.3f} {unit} ({min(all_rounds):.3f}-{max(all_rounds):.3f})"
        if name != "sockeye":
            ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, all_rounds) if theirs)
            line += f"   ratio {ratio:5.2f}"
            if name in goals:
                is_reached = ratio <= goals[name] if lower else ratio >= goals[name]
                line += f", goal {goals[name]}: {'reached' if is_reached else 'MISSED'}"
        print(line, flush=True)


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--sockeye", default=os.path.join(HERE, "../target/release/sockeye"))
    words.add_argument("--against", help="an older sockeye, to be measured too, as 'before'")
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--mebibytes", type=int, default=1024)
    words.add_argument("--tries", type=int, default=TRIES, help="how often a disturbed run is measured at the most")
    words.add_argument("--only", choices=["pipe", "cat", "proxy", "small"])
    args = words.parse_args()
    if not os.environ.get("PIPES_IN_NETWORK"):
        inside = "ip link set lo up && exec \"$@\""
        os.environ["PIPES_IN_NETWORK"] = "1"
        os.execvp("unshare", ["unshare", "--net", "sh", "-c", inside, "sh", sys.executable, *sys.argv])
    directory = tempfile.mkdtemp(dir="/dev/shm")
    try:
        with open(os.path.join(directory, "noise"), "wb") as file:
            block = os.urandom(1 << 20)
            for number in range(args.mebibytes):
                file.write(number.to_bytes(8, "little") + block[8:])
        rows = {"pipe": lambda: one_way(args, directory, False), "cat": lambda: one_way(args, directory, True),
                "proxy": lambda: bulk(args, directory), "small": lambda: small(args, directory)}
        for name, row in rows.items():
            if args.only in (None, name):
                row()
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
