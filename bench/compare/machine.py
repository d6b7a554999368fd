"""The machine: packages, a network of our own, programs built, processes pinned, and what others took of the processors.

`Server` is a program that runs on a processor until it is left; `Watch` says what a stretch of time cost us and others.
"""
import contextlib
import ctypes
import os
import platform
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER_CPU, CLIENT_CPU = "0", "1"
PORT, BACKEND = 9000, 9100
READY_WITHIN = 15.0
RUN_WITHIN = 180.0
TICK = os.sysconf("SC_CLK_TCK")

# What is needed of Debian 12, as "package": a program or a file of it.
PACKAGES = {
    "gcc": "/usr/bin/gcc", "libc6-dev": "/usr/include/stdio.h", "libssl-dev": "/usr/include/openssl/ssl.h",
    "liburing-dev": "/usr/include/liburing.h",
    "golang-go": "/usr/bin/go", "netcat-openbsd": "/usr/bin/nc.openbsd", "ncat": "/usr/bin/ncat",
    "socat": "/usr/bin/socat", "redis-server": "/usr/bin/redis-server", "redis-tools": "/usr/bin/redis-benchmark",
    "nginx": "/usr/sbin/nginx", "libnginx-mod-stream": "/usr/lib/nginx/modules/ngx_stream_module.so",
    "haproxy": "/usr/sbin/haproxy", "iperf3": "/usr/bin/iperf3", "strace": "/usr/bin/strace",
    "openssl": "/usr/bin/openssl", "iproute2": "/usr/sbin/ip", "util-linux": "/usr/bin/taskset",
}
VERSIONS = ("netcat-openbsd", "ncat", "socat", "redis-server", "nginx", "haproxy", "iperf3", "openssl", "golang-go", "gcc")


class Failed(Exception):
    """A program did not do what it was started for."""


def install():
    """Installs what is missing. Debian starts the daemons of some packages where it runs: they are told not to."""
    missing = [package for package, file in PACKAGES.items() if not os.path.exists(file)]
    if not missing:
        return
    policy = "/usr/sbin/policy-rc.d"
    is_ours = not os.path.exists(policy)
    if is_ours:
        with open(policy, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nexit 101\n")
        os.chmod(policy, 0o755)
    try:
        quiet = dict(check=True, stdout=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        subprocess.run(["apt-get", "-qq", "update"], **quiet)
        subprocess.run(["apt-get", "-qq", "install", "--yes", "--no-install-recommends", *missing], **quiet)
    finally:
        if is_ours:
            os.unlink(policy)


def enter():
    """Starts this program again in a network and a list of mounts of its own, and prepares both."""
    if os.environ.get("SOCKEYE_COMPARE") != "inside":
        os.environ["SOCKEYE_COMPARE"] = "inside"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name, value in {
        "net/ipv4/tcp_congestion_control": "reno", "net/core/somaxconn": "4096",
        "net/ipv4/ip_local_port_range": "10000 65535", "net/ipv4/tcp_max_syn_backlog": "8192",
    }.items():
        with contextlib.suppress(OSError), open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
            file.write(value)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # What a server leaves behind comes to us, so that its CPU time is counted.
    ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)


@contextlib.contextmanager
def folder():
    """A directory in memory that is gone with us."""
    path = "/tmp/sockeye-compare"
    os.makedirs(path, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6g", "sockeye-compare", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=False)


def build(into):
    """The reference programs; {name: path}."""
    built = {}
    for name, more in {"epoll_echo": [], "udp_echo": [], "splice_pipe": [], "start": [], "load": [],
                       "uring_echo": ["-luring"],
                       "tls_load": ["-lssl", "-lcrypto"]}.items():
        built[name] = os.path.join(into, name)
        subprocess.run(["gcc", "-O2", "-Wall", "-o", built[name], os.path.join(HERE, f"{name}.c"), *more], check=True)
    built["go_echo"] = os.path.join(into, "go_echo")
    env = {**os.environ, "GO111MODULE": "off", "GOCACHE": os.path.join(into, "go-cache"), "GOFLAGS": ""}
    subprocess.run(["go", "build", "-o", built["go_echo"], os.path.join(HERE, "go_echo.go")], check=True, env=env)
    return built


def about(sockeye):
    """The machine and the programs' versions, in words."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "?")
    release = platform.freedesktop_os_release()
    with open("/etc/debian_version", encoding="ascii") as file:
        debian = file.read().strip()
    told = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *VERSIONS],
                          capture_output=True, text=True, check=False).stdout
    version = subprocess.run([sockeye, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return {
        "cpu": model, "cpus": os.cpu_count(), "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        "kernel": platform.release(), "system": f"{release['NAME']} {debian}", "sockeye": version,
        "versions": sorted(line for line in told.splitlines() if line.count(" ") == 1),
    }


def on(cpu, words):
    """The words that run a program on a CPU; where there is no such CPU, on any."""
    there = ["taskset", "-c", cpu] if int(cpu) in os.sched_getaffinity(0) else []
    return [*there, *map(str, words)]


def reap(patience=0.0):
    """Takes leave of children that ended, and waits so many seconds for the others."""
    deadline = time.monotonic() + patience
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            if time.monotonic() >= deadline:
                return
            time.sleep(0.005)


def is_listening(port, transport):
    wanted = f":{port:04X}"
    for name in (transport, transport + "6"):
        with open(f"/proc/net/{name}", encoding="ascii") as file:
            for line in file:
                fields = line.split()
                if fields[1].endswith(wanted) and (transport == "udp" or fields[3] == "0A"):
                    return True
    return False


class Server:
    """A program that listens at `port`, on its processor, with all it starts."""

    def __init__(self, words, port=PORT, transport="tcp", cpu=SERVER_CPU, stdin=None, stdout=None):
        if is_listening(port, transport):
            raise Failed(f"port {port} is taken before {words[0]}")
        self.words = on(cpu, words)
        self.process = subprocess.Popen(self.words, stdin=stdin or subprocess.DEVNULL, stdout=stdout or subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        self.pid = self.process.pid
        deadline = time.monotonic() + READY_WITHIN
        while not is_listening(port, transport):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Failed(f"does not listen: {' '.join(self.words)}")
            time.sleep(0.005)
        self.port, self.transport = port, transport

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        deadline = time.monotonic() + READY_WITHIN
        while is_listening(self.port, self.transport) and time.monotonic() < deadline:
            time.sleep(0.005)

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()

    def wait(self):
        """Until it ends by itself."""
        self.process.wait(RUN_WITHIN)

    def resident(self):
        """Bytes in memory."""
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1)) * 1024


def run(words, cpu=CLIENT_CPU, stdin=None):
    """A client's stdout; it must end well."""
    done = subprocess.run(on(cpu, words), stdin=stdin or subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=RUN_WITHIN, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit {done.returncode}"]
        raise Failed(f"{os.path.basename(str(words[0]))}: {said[0]}")
    return done.stdout


class Watch:
    """What happened since it was made: to be asked when all servers of the stretch have been left."""

    def __init__(self):
        reap()
        self.others, self.own, self.began = self._others(), self._own(), time.monotonic()

    def finish(self):
        """CPU seconds of ours, and the share of one CPU that other processes took."""
        wall = time.monotonic() - self.began
        reap(patience=5)
        return self._own() - self.own, max(0.0, self._others() - self.others) / wall

    @classmethod
    def quiet(cls, tolerate, patience):
        """Waits until other processes leave the processors alone, but not for ever."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            before = cls._others()
            time.sleep(0.5)
            if (cls._others() - before) / 0.5 <= tolerate:
                return

    @staticmethod
    def _own():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    @staticmethod
    def _others():
        """CPU seconds of all processes but ours and the kernel's, with those of the children they have taken leave of."""
        parents, times = {}, {}
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
                parents[int(name)] = int(fields[1])
                times[int(name)] = sum(map(int, fields[11:15]))
        ours = {os.getpid(), 2}
        is_growing = True
        while is_growing:
            more = {pid for pid, parent in parents.items() if parent in ours} - ours
            ours |= more
            is_growing = bool(more)
        return sum(taken for pid, taken in times.items() if pid not in ours) / TICK


def which(name):
    """The path of a program; sbin is not on everyone's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin") or name
