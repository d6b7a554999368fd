"""Rows of UDP, of sockeye's own generator, and of TLS."""
import json
import os
import re
import subprocess
import urllib.request

import machine
from machine import BACKEND, PORT, Failed, Server
from bulk import NGINX_BASE, prepare, rate
from measure import OURS, Contender, Figure, Goal, Suite, Table
from streams import EPOLL, PING, REDIS, SECONDS, echo_server, lines, load, shown

LOOP = "recvfrom/sendto"
C_LOAD, REDIS_BENCHMARK, IPERF_UDP = "C generator", "redis-benchmark -P 1", "iperf3 -u"
S_SERVER, NGINX_TLS = "openssl s_server", "nginx"
SUITE_TLS = "TLS_AES_128_GCM_SHA256"


def udp(bench):
    servers = {name: [path, "serve", f"udp://127.0.0.1:{PORT}", "echo"] for name, path in bench.sockeyes.items()}
    servers[LOOP] = [bench.built["udp_echo"], PORT]

    def echoing(name, connections, flight):
        client = load(bench, "udp", "-c", connections, "-f", flight, "-s", 64, "-d", SECONDS)

        def run():
            with Server(servers[name], transport="udp"):
                return json.loads(machine.run(client))

        return Contender(name, lines(bench, servers[name], client), run)

    tables = []
    for connections in (1, 64):
        figures = [Figure("rate", ("datagrams a second", "每秒数据报数"), "k/s", [Goal(1.2, LOOP)], scale=1000, digits=1),
                   Figure("lost", ("lost in a run", "每次运行丢失"), "", better="less")]
        title = (f"{connections} socket{'s' * (connections > 1)}, 32 in flight", f"{connections} 个套接字，每个 32 个在途")
        tables.append(Table(f"udp-{connections}x32", title, figures, [echoing(name, connections, 32) for name in servers]))
    return Suite(
        "udp", ("UDP echo, 64 bytes", "UDP 回显，64 字节"),
        ("The client sends and receives trains (UDP_SEGMENT, UDP_GRO), so that it is not what is measured. A datagram that is "
         "merged, cut or changed fails the run; one that is lost (a receive buffer was full) is counted, and sent anew after 0.2 s.",
         "客户端成串收发（UDP_SEGMENT、UDP_GRO），免得测到的是客户端自己。数据报被合并、截断或改动，该次运行即失败；"
         "丢失的（接收缓冲区满）计数，0.2 秒后重发。"),
        tables)


def bench_words(bench, path):
    """None where this sockeye has no verb `bench` yet."""
    told = subprocess.run([path, "bench", "--help"], capture_output=True, stdin=subprocess.DEVNULL, check=False)
    return [path, "bench"] if told.returncode == 0 else None


def messages_a_second(said):
    """The rate in sockeye's JSON, or in redis-benchmark's CSV."""
    if said.lstrip().startswith("{"):
        told = json.loads(said)
        if told["errors"]:
            raise Failed(f"errors: {told['errors']}")
        return float(told["rate"])
    return float(re.search(r'^"[^"]*","([0-9.]+)"', said, re.MULTILINE).group(1))


def generator(bench):
    title = ("The generator: sockeye bench", "发生器：sockeye bench")
    note = ("The figure is what each generator got out of the same server, on one CPU of its own.",
            "数字是每个发生器在自己的一个 CPU 上，从同一个服务器得到的速率。")
    if not bench_words(bench, bench.sockeyes[OURS]):
        return Suite("generator", title, note, skipped=(
            "This sockeye has no verb bench: skipped.", "这个 sockeye 还没有 bench 动词：略过。"))
    tables = []

    def table(name, what, server, goal, clients):
        def contender(who, words, port=PORT):
            def run():
                with Server(server):
                    said = machine.run(words)
                    return json.loads(said) if who == C_LOAD else {"rate": messages_a_second(said)}
            return Contender(who, lines(bench, server, words), run)
        figure = Figure("rate", ("messages a second", "每秒消息数"), "k/s", [goal], scale=1000, digits=1)
        tables.append(Table(name, what, [figure], [contender(who, words) for who, words in clients.items()]))

    def ours(*words):
        found = {name: bench_words(bench, path) for name, path in bench.sockeyes.items()}
        return {name: [*start, f"tcp://127.0.0.1:{PORT}", "--json", "--duration", SECONDS, *words]
                for name, start in found.items() if start}

    for flight in (1, 32):
        clients = ours("-F", "line", "--size", 63, "--connections", 64, "--pipeline", flight)
        clients[C_LOAD] = load(bench, "tcp", "-c", 64, "-f", flight, "-s", 64, "-d", SECONDS)
        table(f"generator-64x{flight}", (f"64 connections, {flight} in flight, against {EPOLL}",
                                         f"64 个连接，每个 {flight} 条在途，对 {EPOLL}"),
              echo_server(bench, EPOLL), Goal(0.95, C_LOAD), clients)
    clients = ours("PING", "-F", "crlf", "--connections", 50, "--expect", "+PONG")
    clients[REDIS_BENCHMARK] = ["redis-benchmark", "-p", PORT, "-c", 50, "-n", 300_000, "-t", "ping_inline", "--csv"]
    clients[C_LOAD] = load(bench, "tcp", "-c", 50, "-d", SECONDS, "-m", "PING\\r\\n", "-a", "+PONG\\r\\n")
    table("generator-redis", ("50 connections, 1 in flight, against redis PING", "50 个连接，每个 1 条在途，对 redis PING"),
          echo_server(bench, REDIS), Goal(1.4, REDIS_BENCHMARK), clients)
    return Suite("generator", title, note, tables)


def received(metrics_port):
    """Datagrams that sockeye's server has counted."""
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=5) as answer:
        told = answer.read().decode()
    return float(re.search(r'^sockeye_messages_total{direction="in"} (\S+)', told, re.MULTILINE).group(1))


def datagram_generator(bench):
    title = ("The generator of datagrams", "数据报发生器")
    if "one-way" not in subprocess.run([bench.sockeyes[OURS], "bench", "--help"], capture_output=True, text=True,
                                       stdin=subprocess.DEVNULL, check=False).stdout:
        return Suite("udp-generator", title, ("", ""), skipped=(
            "This sockeye has no bench --mode one-way: skipped.", "这个 sockeye 还没有 bench --mode one-way：略过。"))
    told = os.path.join(bench.folder, "iperf3-udp.json")
    iperf_server = ["iperf3", "-s", "-1", "-p", PORT, "--json", "--logfile", told]
    metrics = BACKEND

    def ours(name, path, size):
        server = [path, "serve", f"udp://127.0.0.1:{PORT}", "discard", "--metrics", f"127.0.0.1:{metrics}"]
        client = [path, "bench", f"udp://127.0.0.1:{PORT}", "--mode", "one-way", "--size", size, "--warmup", 0,
                  "--duration", SECONDS, "--json"]

        def run():
            with Server(server, transport="udp"):
                sent = json.loads(machine.run(client))
                if sent["errors"]:
                    raise Failed(f"errors: {sent['errors']}")
                arrived = received(metrics)
            return {"rate": arrived / sent["elapsed"], "lost": 100 * (1 - arrived / sent["requests"])}

        return Contender(name, lines(bench, server, client), run)

    def iperf(size):
        client = ["iperf3", "-u", "-c", "127.0.0.1", "-p", PORT, "-l", size, "-b", 0, "-t", SECONDS]

        def run():
            if os.path.exists(told):
                os.unlink(told)
            with Server(iperf_server) as server:
                machine.run(client)
                server.wait()
            with open(told, encoding="utf-8") as file:
                came = json.load(file)["end"]["sum"]
            return {"rate": (came["packets"] - came["lost_packets"]) / came["seconds"], "lost": came["lost_percent"]}

        return Contender(IPERF_UDP, lines(bench, iperf_server, client), run)

    tables = []
    for size, goal in ((64, 40), (1400, 8)):
        figures = [Figure("rate", ("datagrams a second, as the receiver counts them", "每秒数据报数（接收方计数）"), "k/s",
                          [Goal(goal, IPERF_UDP)], scale=1000),
                   Figure("lost", ("lost, of all that was sent", "丢失占发出的比例"), "%", better="less", digits=1)]
        contenders = [ours(name, path, size) for name, path in bench.sockeyes.items() if name == OURS]
        tables.append(Table(f"udp-generator-{size}", (f"{size:,} bytes, one way", f"{size} 字节，单向"), figures,
                            [*contenders, iperf(size)]))
    return Suite(
        "udp-generator", title,
        ("Each generator sends as fast as it can into its own receiver: sockeye bench --mode one-way into sockeye serve discard, "
         "which counts every datagram by itself (its metrics are what is read), and iperf3 -u into iperf3 -s. Sockeye's "
         "datagrams travel in trains (UDP_SEGMENT, UDP_GRO), and loopback never cuts a train apart: on a network card the "
         "figures are the card's.",
         "每个发生器都以最快速度向自己的接收方发送：sockeye bench --mode one-way 对 sockeye serve discard（逐个计数，读取的是它的指标），"
         "iperf3 -u 对 iperf3 -s。sockeye 的数据报成串收发（UDP_SEGMENT、UDP_GRO），而环回接口从不拆开；经过网卡时，数字取决于网卡。"),
        tables)


def tls(bench):
    prepare(bench)
    keys = os.path.join(bench.folder, "keys")
    subprocess.run([bench.sockeyes[OURS], "cert", "all", "--dir", keys], check=True, capture_output=True)
    certificate, key = os.path.join(keys, "server.pem"), os.path.join(keys, "server.key")
    at, to = f"127.0.0.1:{PORT}", f"127.0.0.1:{BACKEND}"
    nginx = os.path.join(bench.folder, "nginx-tls.conf")
    with open(nginx, "w", encoding="utf-8") as file:
        file.write(NGINX_BASE + f"stream {{ server {{ listen {at} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; "
                   f"ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites {SUITE_TLS}; proxy_pass {to}; }} }}\n")
    cert = ["--cert", certificate, "--key", key]
    client = [bench.built["tls_load"], PORT, SUITE_TLS]

    def contender(name, server, words, backend=None):
        # s_server ends when its stdin does.
        is_kept_open = name == S_SERVER

        def run():
            if backend is None:
                with Server(server, stdin=subprocess.PIPE if is_kept_open else None):
                    return json.loads(machine.run(words))
            with Server(backend, BACKEND, cpu=machine.CLIENT_CPU), Server(server):
                return json.loads(machine.run(words))
        told = [shown(bench, backend, machine.CLIENT_CPU)] if backend else []
        told.append("tail -f /dev/null | " * is_kept_open + shown(bench, server, machine.SERVER_CPU))
        return Contender(name, [*told, shown(bench, words, machine.CLIENT_CPU)], run)

    def ours(*words):
        return {name: [path, *words, *cert] for name, path in bench.sockeyes.items()}

    s_server = ["openssl", "s_server", "-accept", at, "-cert", certificate, "-key", key, "-quiet"]
    tables = []
    for flight in (1, 32):
        servers = {name: [path, "serve", f"tls://{at}", "echo", "-F", "line", *cert] for name, path in bench.sockeyes.items()}
        words = [*client, "echo", 1, flight, SECONDS]
        contenders = [contender(name, server, words) for name, server in servers.items()]
        contenders.append(contender(S_SERVER, [*s_server, "-rev"], [*client, "reversed", 1, flight, SECONDS]))
        tables.append(Table(f"tls-echo-1x{flight}", (f"line echo, 1 connection, {flight} in flight", f"按行回显，1 个连接，{flight} 条在途"),
                            [Figure("rate", ("messages a second", "每秒消息数"), "k/s", [Goal(1.0, S_SERVER)], scale=1000, digits=1)],
                            contenders))
    backend = [bench.built["epoll_echo"], BACKEND]
    for flight in (1, 32):
        words = [*client, "echo", 64, flight, SECONDS]
        servers = {name: [path, "proxy", f"tls://{at}", f"tcp://{to}", *cert] for name, path in bench.sockeyes.items()}
        servers[NGINX_TLS] = [machine.which("nginx"), "-c", nginx, "-p", bench.folder]
        tables.append(Table(f"tls-proxy-64x{flight}",
                            (f"TLS taken off before {EPOLL}: 64 connections, {flight} in flight",
                             f"在 {EPOLL} 之前卸下 TLS：64 个连接，每个 {flight} 条在途"),
                            [Figure("rate", ("messages a second", "每秒消息数"), "k/s", [Goal(1.0, NGINX_TLS)], scale=1000, digits=1)],
                            [contender(name, server, words, backend) for name, server in servers.items()]))
    words = [*client, "send", 1, 1 << 30]
    servers = {name: [path, "serve", f"tls://{at}", "discard", *cert] for name, path in bench.sockeyes.items()}
    servers[S_SERVER] = s_server
    tables.append(Table("tls-bulk", ("bulk: 1 GiB into the server", "大块：1 GiB 送入服务器"), [rate([Goal(1.0, S_SERVER)])],
                        [contender(name, server, words) for name, server in servers.items()]))
    tables.append(tls_relay_bulk(bench, servers_of_relay(bench, at, to, cert, nginx), client))
    return Suite(
        "tls", ("TLS", "TLS"),
        (f"The same suite for all, {SUITE_TLS} of TLS 1.3, and one certificate (ECDSA P-256). The client is OpenSSL's library. "
         "s_server serves one connection at a time and answers with the line turned round, and nginx has no echo: so nginx and "
         "sockeye are also compared as what takes TLS off before a plain server: in bulk, 64 MiB that "
         "arrive there are compared before each run.",
         f"各方用同一套件（TLS 1.3 的 {SUITE_TLS}）和同一张证书（ECDSA P-256）。客户端用 OpenSSL 库。s_server 一次只服务一个连接，"
         "回的是倒过来的行；nginx 没有回显：所以另外比较 nginx 和 sockeye 在明文服务器之前卸下 TLS 的情形；大块传输时，每次"
         "计时前先比较到达的 64 MiB。"),
        tables)


def servers_of_relay(bench, at, to, cert, nginx):
    servers = {name: [path, "proxy", f"tls://{at}", f"tcp://{to}", *cert] for name, path in bench.sockeyes.items()}
    servers[NGINX_TLS] = [machine.which("nginx"), "-c", nginx, "-p", bench.folder]
    return servers


def tls_relay_bulk(bench, servers, client):
    """Bulk with TLS taken off on the way; what arrives is compared with what was sent."""
    words = [*client, "send", 1, 1 << 30]
    sink = [bench.built["splice_pipe"], "-l", BACKEND]

    def contender(name, server):
        def check():
            got = os.path.join(bench.folder, "got")
            with open(got, "wb") as file, Server(sink, BACKEND, cpu=machine.CLIENT_CPU, stdout=file) as it, Server(server):
                machine.run([*client, "send", 1, 64 << 20])
                it.wait()
            with open(got, "rb") as file:
                block = bytes(range(251)) * 4177
                whole = file.read()
            if len(whole) != 64 << 20 or whole != (block * (len(whole) // len(block) + 1))[:len(whole)]:
                raise Failed(f"{len(whole)} bytes came, or others than were sent")
            os.unlink(got)

        def run():
            with Server(sink, BACKEND, cpu=machine.CLIENT_CPU) as it, Server(server):
                figures = json.loads(machine.run(words))
                it.wait()
                return figures

        told = [shown(bench, sink, machine.CLIENT_CPU) + " > /dev/null", *lines(bench, server, words)]
        return Contender(name, told, run, check)

    return Table("tls-proxy-bulk", ("bulk: 1 GiB, TLS taken off on the way", "大块：1 GiB，途中卸下 TLS"),
                 [rate([Goal(1.0, NGINX_TLS)])], [contender(name, server) for name, server in servers.items()])
