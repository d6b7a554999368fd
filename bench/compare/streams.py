"""Rows of TCP: echo, syscalls a message, idle sessions, accept, start and size."""
import json
import os
import re
import signal
import subprocess
import tempfile

import machine
from machine import PORT, Failed, Server
from measure import OURS, Contender, Figure, Goal, Suite, Table

EPOLL, URING, GO, SOCAT, NCAT, REDIS = "C epoll", "C io_uring", "Go", "socat PIPE", "ncat -e cat", "redis PING"
SECONDS = 2
PING = ["-m", "*1\\r\\n$4\\r\\nPING\\r\\n", "-a", "+PONG\\r\\n"]
SHAPES = {"64x1": (64, 1), "1000x1": (1000, 1), "64x32": (64, 32), "10000x32": (10000, 32)}
MESSAGES = {"64x1": 64_000, "64x32": 640_000}
IDLE = 15_000


def echo_server(bench, name):
    """The words that start an echo at PORT, and the generator's words where it is to ask something else."""
    return {
        EPOLL: [bench.built["epoll_echo"], PORT],
        URING: [bench.built["uring_echo"], PORT],
        GO: [bench.built["go_echo"], PORT],
        SOCAT: ["socat", f"TCP-LISTEN:{PORT},bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=4096", "PIPE"],
        NCAT: ["ncat", "-l", "-k", "-m", "4096", "-e", "/bin/cat", "127.0.0.1", PORT],
        REDIS: ["redis-server", "--port", PORT, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--maxclients", "20000", "--tcp-backlog", "4096", "--protected-mode", "no", "--dir", bench.folder],
    }.get(name) or [bench.sockeyes[name], "serve", f"tcp://127.0.0.1:{PORT}", "echo", "-F", "line"]


def load(bench, mode, *words):
    return [bench.built["load"], mode, "-p", PORT, *words]


def shown(bench, words, cpu):
    """A command as a person would type it in the repository."""
    text = " ".join(quoted(word) for word in machine.on(cpu, words))
    for path in bench.sockeyes.values():
        text = text.replace(path, "sockeye")
    return text.replace(bench.folder + "/", "")


def quoted(word):
    if "\n" in word:
        return "$'" + word.replace("\r", "\\r").replace("\n", "\\n") + "'"
    return f"'{word}'" if not word or re.search(r"[ $*\\]", word) else word


def lines(bench, server, client):
    return [shown(bench, server, machine.SERVER_CPU), shown(bench, client, machine.CLIENT_CPU)]


def echoing(bench, name, mode, *words):
    """A contender that is started, loaded, and ended."""
    server = echo_server(bench, name)
    client = load(bench, mode, *words, *(PING if name == REDIS else []))

    def run():
        with Server(server):
            return json.loads(machine.run(client))

    return Contender(name, lines(bench, server, client), run)


def echo(bench):
    tables = []
    for shape, (connections, flight) in SHAPES.items():
        names = [*bench.sockeyes, EPOLL, URING, GO]
        goals = [Goal(0.95, EPOLL)]
        if connections == 64:
            names += [SOCAT, NCAT]
            goals += [Goal(3, SOCAT), Goal(5, NCAT)]
        names.append(REDIS)
        if shape == "64x32":
            goals.append(Goal(4, REDIS))
        if shape == "1000x1":
            goals.append(Goal(1.5, GO))
        words = ["-c", connections, "-f", flight, "-s", 64, "-d", SECONDS]
        figures = [
            Figure("rate", ("messages a second", "每秒消息数"), "k/s", goals, scale=1000, digits=1),
            Figure("p99_us", ("p99", "p99"), "ms", better="less", scale=1000, digits=2),
        ]
        title = (f"{connections:,} connections, {flight} in flight", f"{connections:,} 个连接，每个 {flight} 条在途")
        tables.append(Table(shape, title, figures, [echoing(bench, name, "tcp", *words) for name in names]))
    return Suite(
        "echo", ("Line echo, 64 bytes", "按行回显，64 字节"),
        ("sockeye cuts lines, with its limits and counters on; C epoll, C io_uring, socat and ncat pass bytes on. redis is asked PING "
         "(14 bytes, 7 come back), the least it can do. socat and ncat have a process for each connection.",
         "sockeye 按行切分，限制和计数都开着；C epoll、C io_uring、socat、ncat 只传字节。redis 测的是 PING（发 14 字节，回 7 字节），"
         "是它最省的请求。socat 和 ncat 每个连接一个进程。"),
        tables)


def counted(bench, name, shape):
    connections, flight = SHAPES[shape]
    server = echo_server(bench, name)
    client = load(bench, "tcp", "-c", connections, "-f", flight, "-s", 64, "-n", MESSAGES[shape])
    tracer = ["strace", "-f", "-c", "-o", "calls", "-p", "PID"]

    def run():
        with Server(server) as it:
            return {"calls": syscalls(it.pid, client) / MESSAGES[shape]}

    return Contender(name, [shown(bench, server, machine.SERVER_CPU), " ".join(tracer),
                            shown(bench, client, machine.CLIENT_CPU)], run)


def syscalls(pid, client):
    """How many system calls process `pid` makes, all its threads, while `client` runs."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as table:
        tracer = subprocess.Popen(["strace", "-f", "-c", "-o", table.name, "-p", str(pid)],
                                  stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        if "attached" not in tracer.stderr.readline():
            raise Failed("strace could not attach")
        try:
            machine.run(client)
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate(timeout=60)
        total = re.search(r"^100\.00\s+\S+\s+(?:\S+\s+)?(\d+)(?:\s+\d+)?\s+total$", table.read(), re.MULTILINE)
    if not total:
        raise Failed("strace printed no total")
    return int(total.group(1))


def syscall_rows(bench):
    tables = []
    for shape, bound in {"64x1": 2.1, "64x32": 0.07}.items():
        connections, flight = SHAPES[shape]
        figure = Figure("calls", ("system calls a message", "每条消息的系统调用数"), "", [Goal(bound, at="most")],
                        better="less", digits=3)
        title = (f"{connections} connections, {flight} in flight", f"{connections} 个连接，每个 {flight} 条在途")
        contenders = [counted(bench, name, shape) for name in [*bench.sockeyes, EPOLL, GO]]
        tables.append(Table(shape, title, [figure], contenders, is_steady=True))
    return Suite(
        "syscalls", ("System calls a message", "每条消息的系统调用"),
        ("Counted by strace over a fixed number of messages, those of accepting and closing included.",
         "用 strace 数固定条数的消息，接受和关闭连接的调用也算在内。"),
        tables)


def idle(bench):
    def held(name):
        server = echo_server(bench, name)
        client = load(bench, "hold", "-c", IDLE, "-s", 64, *(PING if name == REDIS else []))

        def run():
            with Server(server) as it:
                # The first sessions make what is made once.
                with holding(load(bench, "hold", "-c", 64, "-s", 64, *(PING if name == REDIS else []))):
                    before = it.resident()
                with holding(client):
                    return {"each": (it.resident() - before) / IDLE}

        return Contender(name, lines(bench, server, client), run)

    figure = Figure("each", ("resident bytes a session", "每个会话的常驻字节"), "B", [Goal(1536, at="most")], better="less")
    table = Table("idle", (f"{IDLE:,} sessions that said one line", f"{IDLE:,} 个各说过一行的会话"), [figure],
                  [held(name) for name in [*bench.sockeyes, EPOLL, GO, REDIS]], is_steady=True)
    return Suite(
        "idle", ("Idle sessions", "空闲会话"),
        ("Memory of the server's process alone; what the kernel keeps for each socket is not in it, and the same for all. "
         "Limits and deadlines are at their defaults.",
         "只算服务器进程的内存；内核为每个套接字保留的不在内，各家都一样。限制和期限都是默认值。"),
        [table])


class holding:
    """The generator, holding its sessions open."""

    def __init__(self, words):
        self.words = machine.on(machine.CLIENT_CPU, words)

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        if self.process.stdout.readline() != "held\n":
            _, said = self.process.communicate()
            raise Failed(said.strip() or "the sessions were not held")
        return self

    def __exit__(self, *_):
        self.process.communicate("")


def accept(bench):
    words = ["-c", 64, "-s", 64, "-d", SECONDS]
    names = [*bench.sockeyes, EPOLL, GO, REDIS, SOCAT]
    figures = [
        Figure("rate", ("connections a second", "每秒连接数"), "k/s", [Goal(0.95, EPOLL), Goal(1.2, REDIS), Goal(20, SOCAT)],
               scale=1000, digits=1),
        Figure("p99_us", ("p99", "p99"), "ms", better="less", scale=1000, digits=2),
    ]
    table = Table("accept", ("connect, one line, close; 64 at a time", "连接、一行、关闭；同时 64 个"), figures,
                  [echoing(bench, name, "accept", *words) for name in names])
    return Suite("accept", ("Accept", "接受连接"),
                 ("The client closes first, from 200 addresses of its own in turn.", "由客户端先关闭，轮流用自己的 200 个地址。"),
                 [table])


def start(bench):
    times = 50
    closed = 1

    def started(name, words):
        whole = [bench.built["start"], times, *words]
        return Contender(name, [shown(bench, whole, machine.SERVER_CPU)],
                         lambda: json.loads(machine.run(whole, cpu=machine.SERVER_CPU)))

    goals = [Goal(0.5, "ncat", "most"), Goal(0.5, "socat", "most")]

    def table(name, title, calls):
        calls = {**{ours: [path, *calls[OURS]] for ours, path in bench.sockeyes.items()},
                 **{peer: words for peer, words in calls.items() if peer != OURS}}
        figure = Figure("median_us", ("from start to end", "从启动到结束"), "ms", goals, better="less", scale=1000, digits=2)
        return Table(name, title, [figure], [started(peer, words) for peer, words in calls.items()])

    version = table("version", ("start, say the version, end", "启动、报告版本、结束"), {
        OURS: ["--version"], "ncat": ["ncat", "--version"], "socat": ["socat", "-V"], "nc": ["nc.openbsd", "-h"]})
    refused = table("refused", ("start, find a port closed, say so, end", "启动、发现端口关闭、报告、结束"), {
        OURS: ["connect", f"127.0.0.1:{closed}"], "ncat": ["ncat", "127.0.0.1", closed],
        "socat": ["socat", "-", f"TCP:127.0.0.1:{closed}"], "nc": ["nc.openbsd", "127.0.0.1", closed]})
    files = {**bench.sockeyes, "ncat": machine.which("ncat"), "socat": machine.which("socat")}
    sizes = [Contender(name, [f"stat -L -c %s {os.path.basename(path)}"], lambda path=path: {"size": os.stat(path).st_size})
             for name, path in files.items()]
    size = Table("size", ("size of the program's file", "程序文件的大小"),
                 [Figure("size", ("size", "大小"), "MB", [Goal(8, at="most")], better="less", scale=1e6, digits=2)], sizes,
                 is_steady=True)
    return Suite("start", ("Start and size", "启动和大小"),
                 (f"The median of {times} starts in each round. ncat and socat use shared libraries, which are not in their size.",
                  f"每轮取 {times} 次启动的中位数。ncat 和 socat 用共享库，未计入大小。"),
                 [version, refused, size])
