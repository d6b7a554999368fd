"""The server that an attack is made on, and how it is found to be alive. Imported by the attacks beside this file."""
import contextlib
import os
import resource
import socket
import ssl
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


def certificates(directory):
    """Paths of an authority (`ca`), a server's certificate (`cert`) and its key, made by `sockeye cert` (ECDSA P-256)."""
    subprocess.run([program(), "cert", "all", "--dir", directory], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {name: os.path.join(directory, file)
            for name, file in (("ca", "ca.pem"), ("cert", "server.pem"), ("key", "server.key"))}


def rsa_certificate(directory):
    """The same with RSA (2,048 bits), made by OpenSSL; it vouches for itself."""
    cert, key = os.path.join(directory, "rsa.pem"), os.path.join(directory, "rsa.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "300",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-addext", "extendedKeyUsage=serverAuth", "-addext", "keyUsage=digitalSignature"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {"ca": cert, "cert": cert, "key": key}


def over_tls(caller, made):
    """The connection with TLS on it, the server's certificate checked."""
    context = ssl.create_default_context(cafile=made["ca"])
    return context.wrap_socket(caller, server_hostname="127.0.0.1")


def echo_time(address, question, answer, source=None, made=None):
    """How long a fresh client waits for its echo, connecting included (and TLS, if `made` has its certificates). Ends
    the attack if it waits in vain."""
    started = time.monotonic()
    with connect(address, source) as plain, (over_tls(plain, made) if made else plain) as caller:
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


def said_by(process):
    """What the server has said on stderr so far."""
    with open(process.said, encoding="utf-8", errors="replace") as said:
        return said.read()


def row(number, holds, text, bound):
    """Prints the figure and its bound for a row of the attack plan, and ends with 1 if it does not hold."""
    print(f"row {number}: {'ok' if holds else 'FAILED'}: {text} (bound: {bound})", flush=True)
    sys.exit(0 if holds else 1)


def verdict(holds, text):
    """Prints a figure that is no row's, and ends with 1 if it is not as it should be."""
    print(f"{'ok' if holds else 'FAILED'}: {text}")
    sys.exit(0 if holds else 1)
