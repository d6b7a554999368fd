#!/usr/bin/env python3
"""Row 2, in a second: versions of TLS from SSLv3 to 1.3 and renegotiation, by `openssl s_client` and by hand.

    attack/tls_versions.py [target/debug/sockeye]

Passes if SSLv3, TLS 1.0 and 1.1 are refused with an alert and told as `tls-too-old`, TLS 1.2 and 1.3 get their echo, and a
client that asks to renegotiate is refused.
"""
import select
import subprocess
import tempfile
import time

from victim import certificates, connect, row, said_by, server

# A ClientHello of the version that is put in, with suites of its time and no extensions (RFC 6101, 5.6.1.2).
SUITES = bytes.fromhex("c00ac0090035002f000a0005")
OLD = {"SSLv3": b"\x03\x00", "TLS 1.0": b"\x03\x01", "TLS 1.1": b"\x03\x02"}


def hello(version):
    body = version + bytes(32) + b"\x00" + len(SUITES).to_bytes(2, "big") + SUITES + b"\x01\x00"
    shake = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16" + version + len(shake).to_bytes(2, "big") + shake


def is_refused(process, address, version):
    """Whether the answer is a fatal alert, `protocol_version` (70) or, as this hello has no extensions, `handshake_failure`
    (40), and what the server says of it is `tls-too-old`."""
    before = said_by(process).count("error[tls-too-old]")
    with connect(address) as caller:
        caller.sendall(hello(version))
        answer = b""
        while more := caller.recv(64):
            answer += more
    until = time.monotonic() + 5
    while time.monotonic() < until and said_by(process).count("error[tls-too-old]") == before:
        time.sleep(0.01)
    told = said_by(process).count("error[tls-too-old]") == before + 1
    return answer[:1] == b"\x15" and answer[5:7] in (b"\x02\x46", b"\x02\x28") and told


def s_client(address, made, words, typed):
    """What `openssl s_client` shows, in 5 s at the most; a line is typed when the answer to the one before is there."""
    host, port = address
    client = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"{host}:{port}", "-CAfile", made["ca"], "-verify_return_error", *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
    shown, until = b"", time.monotonic() + 5
    for line, wanted in (*typed, (b"", b"never")):
        client.stdin.write(line)
        if not line:
            client.stdin.close()
        while wanted not in shown and select.select([client.stdout], [], [], max(0, until - time.monotonic()))[0]:
            more = client.stdout.read(4096)
            if not more:
                break
            shown += more
    client.kill()
    client.wait()
    return shown


def main():
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        made = certificates(directory)
        keys = ("--cert", made["cert"], "--key", made["key"])
        with server("tls://127.0.0.1:0", "echo", *keys) as (process, address):
            for name, version in OLD.items():
                results[f"{name} refused"] = is_refused(process, address, version)
            for name, flag in (("TLS 1.2", "-tls1_2"), ("TLS 1.3", "-tls1_3")):
                shown = s_client(address, made, [flag], [(b"hello there\n", b"\nhello there\n")])
                results[f"{name} accepted"] = b"\nhello there\n" in shown
            # `R` at the beginning of a line asks for a renegotiation; nothing is echoed after it.
            shown = s_client(address, made, ["-tls1_2"], [(b"before\n", b"\nbefore\n"), (b"R\n", b"RENEGOTIATING"), (b"after\n", b"no renegotiation")])
            results["renegotiation refused"] = b"no renegotiation" in shown
    held = [name for name, holds in results.items() if holds]
    failed = [name for name, holds in results.items() if not holds]
    row(2, not failed, f"{len(held)} of {len(results)}: {', '.join(held)}" + (f"; NOT: {', '.join(failed)}" if failed else ""),
        "all")


if __name__ == "__main__":
    main()
