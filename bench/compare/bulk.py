"""Rows of bytes: the pipe, and the proxy in bulk and for small messages."""
import contextlib
import filecmp
import json
import os
import subprocess
import time

import machine
from machine import BACKEND, PORT, Failed, Server
from measure import Contender, Figure, Goal, Suite, Table
from streams import EPOLL, SECONDS, load, shown

NC, NCAT, SOCAT, SOCAT_BIG, IPERF, SPLICE = "nc", "ncat", "socat", "socat -b262144", "iperf3 -Z", "C splice"
DIRECT, NGINX, HAPROXY, SOCAT_FORK = "no proxy", "nginx stream", "haproxy", "socat fork"
BULK = 2 << 30
SAMPLE = 64 << 20


def prepare(bench):
    """The file that is sent, and one that is compared: random bytes, so that nothing is found by chance."""
    bench.file, bench.sample = os.path.join(bench.folder, "bulk"), os.path.join(bench.folder, "sample")
    if os.path.exists(bench.file):
        return
    block = os.urandom(SAMPLE)
    with open(bench.sample, "wb") as file:
        file.write(block[:SAMPLE - 17])
    with open(bench.file, "wb") as file:
        for _ in range(BULK // SAMPLE):
            file.write(block)


def pipes(bench):
    """{name: (receiver, sender)}: stdout and stdin are the two ends."""
    at = f"127.0.0.1:{PORT}"
    ends = {name: ([path, "serve", f"tcp://{at}", "receive", "--once"], [path, "connect", f"tcp://{at}"])
            for name, path in bench.sockeyes.items()}
    ends[NC] = ["nc.openbsd", "-d", "-l", "127.0.0.1", PORT], ["nc.openbsd", "-N", "127.0.0.1", PORT]
    ends[NCAT] = ["ncat", "-l", "--recv-only", "127.0.0.1", PORT], ["ncat", "--send-only", "127.0.0.1", PORT]
    for name, block in {SOCAT: [], SOCAT_BIG: ["-b262144"]}.items():
        ends[name] = (["socat", *block, "-u", f"TCP-LISTEN:{PORT},bind=127.0.0.1,reuseaddr", "-"],
                      ["socat", *block, "-u", "-", f"TCP:{at}"])
    ends[SPLICE] = [bench.built["splice_pipe"], "-l", PORT], [bench.built["splice_pipe"], PORT]
    return ends


def send(words, path, through_cat):
    """Runs a sender with a file on its stdin, or what `cat` says of it."""
    with contextlib.ExitStack() as held:
        stdin = held.enter_context(open(path, "rb"))
        if through_cat:
            cat = subprocess.Popen(machine.on(machine.CLIENT_CPU, ["cat", path]), stdout=subprocess.PIPE)
            stdin = held.enter_context(cat.stdout)
        machine.run(words, stdin=stdin)
        if through_cat:
            cat.wait(machine.RUN_WITHIN)


def piped(bench, name, receiver, sender, through_cat):
    def check():
        got = os.path.join(bench.folder, "got")
        with open(got, "wb") as file, Server(receiver, stdout=file) as server:
            send(sender, bench.sample, through_cat)
            server.wait()
        if not filecmp.cmp(bench.sample, got, shallow=False):
            raise Failed(f"{os.path.getsize(got)} bytes came, or others than the {os.path.getsize(bench.sample)} sent")
        os.unlink(got)

    def run():
        with Server(receiver) as server:
            began = time.monotonic()
            send(sender, bench.file, through_cat)
            server.wait()
            return {"rate": BULK / (time.monotonic() - began), "bytes": BULK}

    source = "cat bulk | " if through_cat else ""
    told = [shown(bench, receiver, machine.SERVER_CPU) + " > /dev/null",
            source + shown(bench, sender, machine.CLIENT_CPU) + ("" if through_cat else " < bulk")]
    return Contender(name, told, run, check)


def iperf(bench):
    server, client = ["iperf3", "-s", "-p", PORT, "-1"], ["iperf3", "-c", "127.0.0.1", "-p", PORT, "-Z", "-n", BULK, "-J"]

    def run():
        with Server(server) as it:
            sum_sent = json.loads(machine.run(client))["end"]["sum_sent"]
            it.wait()
            return {"rate": sum_sent["bytes"] / sum_sent["seconds"], "bytes": sum_sent["bytes"]}

    told = [shown(bench, server, machine.SERVER_CPU), shown(bench, client, machine.CLIENT_CPU)]
    return Contender(IPERF, told, run)


def rate(goals):
    return Figure("rate", ("bytes a second", "每秒字节"), "GB/s", goals, scale=1e9, digits=2)


def cpu(goals):
    return Figure("cpu_per_gb", ("CPU time a GB", "每 GB 的 CPU 时间"), "s", goals, better="less", digits=3)


def pipe(bench):
    prepare(bench)
    ends = pipes(bench)
    file = Table(
        "file", ("a file of 2 GiB on stdin", "标准输入是 2 GiB 的文件"),
        [rate([Goal(3.5, NC), Goal(6, NCAT), Goal(2.5, SOCAT_BIG), Goal(0.85, IPERF)]), cpu([Goal(0.3, NC, "most")])],
        [*(piped(bench, name, *both, False) for name, both in ends.items()), iperf(bench)])
    through_cat = Table(
        "cat", ("the same through cat", "同上，经过 cat"), [rate([Goal(1.5, NC)]), cpu([])],
        [piped(bench, name, *both, True) for name, both in ends.items()])
    return Suite(
        "pipe", ("Pipe: stdin through TCP to /dev/null", "管道：标准输入经 TCP 到 /dev/null"),
        ("Both ends are the same program, and CPU time is that of both. From the sender's start until both have ended. Before "
         "each run 64 MiB go the same way into a file, which is compared. iperf3 sends from its own file and is told by its own "
         "clock.",
         "两端是同一个程序，CPU 时间为两端之和。从发送端启动计到两端都结束。每次计时前先让 64 MiB 走同一条路进文件，逐字节比较。"
         "iperf3 发送的是自己的文件，用的是自己的计时。"),
        [file, through_cat])


def proxies(bench):
    """{name: words}: at PORT, on to BACKEND."""
    at, to = f"127.0.0.1:{PORT}", f"127.0.0.1:{BACKEND}"
    nginx, haproxy = os.path.join(bench.folder, "nginx.conf"), os.path.join(bench.folder, "haproxy.cfg")
    with open(nginx, "w", encoding="utf-8") as file:
        file.write(NGINX_BASE + f"stream {{ server {{ listen {at} backlog=4096; proxy_pass {to}; }} }}\n")
    with open(haproxy, "w", encoding="utf-8") as file:
        file.write("global\n  maxconn 4000\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n"
                   f"  timeout server 60s\nlisten relay\n  bind {at} backlog 4096\n  server backend {to}\n")
    words = {name: [path, "proxy", f"tcp://{at}", f"tcp://{to}"] for name, path in bench.sockeyes.items()}
    words[NGINX] = [machine.which("nginx"), "-c", nginx, "-p", bench.folder]
    words[HAPROXY] = [machine.which("haproxy"), "-db", "-f", haproxy]
    words[SOCAT_FORK] = ["socat", f"TCP-LISTEN:{PORT},bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=4096",
                         f"TCP:{to},nodelay"]
    return words


NGINX_BASE = """load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; worker_processes 1; pid nginx.pid; error_log /dev/null; user root;
events { worker_connections 20000; }
"""


def small(bench, name, words, port, connections, flight):
    echo = [bench.built["epoll_echo"], BACKEND]
    client = [bench.built["load"], "tcp", "-p", port, "-c", connections, "-f", flight, "-s", 64, "-d", SECONDS]

    def run():
        with Server(echo, BACKEND, cpu=machine.CLIENT_CPU), Server(words) if words else contextlib.nullcontext():
            return json.loads(machine.run(client))

    told = [shown(bench, echo, machine.CLIENT_CPU)]
    told += [shown(bench, words, machine.SERVER_CPU)] if words else []
    return Contender(name, [*told, shown(bench, client, machine.CLIENT_CPU)], run)


def relayed(bench, name, words):
    """Bulk: spliced in and spliced out, so that the proxy is what is measured."""
    receiver, sender = [bench.built["splice_pipe"], "-l", BACKEND], [bench.built["splice_pipe"], PORT if words else BACKEND]

    def through(path, stdout):
        with Server(receiver, BACKEND, cpu=machine.CLIENT_CPU, stdout=stdout) as sink:
            with Server(words) if words else contextlib.nullcontext():
                began = time.monotonic()
                send(sender, path, False)
                sink.wait()
                return time.monotonic() - began

    def check():
        got = os.path.join(bench.folder, "got")
        with open(got, "wb") as file:
            through(bench.sample, file)
        if not filecmp.cmp(bench.sample, got, shallow=False):
            raise Failed("other bytes came than were sent")
        os.unlink(got)

    told = [shown(bench, receiver, machine.CLIENT_CPU) + " > /dev/null"]
    told += [shown(bench, words, machine.SERVER_CPU)] if words else []
    told.append(shown(bench, sender, machine.CLIENT_CPU) + " < bulk")
    return Contender(name, told, lambda: {"rate": BULK / through(bench.file, None), "bytes": BULK}, check)


def proxy(bench):
    prepare(bench)
    words = {**proxies(bench), DIRECT: None}
    tables = [Table("bulk", ("bulk: 2 GiB one way", "大块：单向 2 GiB"),
                    [rate([Goal(2.5, NGINX), Goal(2.5, HAPROXY), Goal(6, SOCAT_FORK)]), cpu([])],
                    [relayed(bench, name, each) for name, each in words.items()])]
    for connections, flight in ((1, 1), (64, 1), (64, 32)):
        tables.append(Table(
            f"small-{connections}x{flight}",
            (f"small messages: {connections} connection{'s' * (connections > 1)}, {flight} in flight",
             f"小消息：{connections} 个连接，每个 {flight} 条在途"),
            [Figure("rate", ("messages a second", "每秒消息数"), "k/s", [Goal(1.0, NGINX)], scale=1000, digits=1)],
            [small(bench, name, each, PORT if each else BACKEND, connections, flight) for name, each in words.items()]))
    return Suite(
        "proxy", ("Proxy", "代理"),
        (f"The proxy has a CPU of its own; client and backend share the other. In bulk both are C splice, and CPU time is that "
         f"of all three; small messages go to {EPOLL} behind the proxy. Before each bulk run 64 MiB are compared.",
         f"代理独占一个 CPU，客户端和后端共用另一个。大块传输时两端都是 C splice，CPU 时间为三者之和；小消息的后端是 {EPOLL}。"
         "每次大块计时前先比较 64 MiB。"),
        tables)
