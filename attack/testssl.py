#!/usr/bin/env python3
"""Row 2: testssl.sh on `sockeye serve tls://`, with an ECDSA certificate of `sockeye cert` and an RSA one.

    attack/testssl.py [target/debug/sockeye] [ecdsa|rsa ...]

Fails on any finding of MEDIUM or worse on protocols, ciphers, forward secrecy, server defaults or vulnerabilities, and if
a part of the scan is missing. Findings on the trust, revocation and expiry of a test certificate are no findings on the
server: these are named and allowed. Needs testssl.sh (Debian: apt install testssl.sh) and openssl.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from victim import certificates, program, row, rsa_certificate, server

# What a private authority without a web site cannot have; each is said when it comes.
ALLOWED = {
    "cert_chain_of_trust": "trust: the authority is one of this test",
    "cert_revocation": "revocation: a development authority has neither CRL nor OCSP",
    "cert_expirationStatus": "expiry: of a certificate made for the test",
    "cert_notAfter": "expiry: of a certificate made for the test",
    "cert_validityPeriod": "expiry: of a certificate made for the test",
    "DNS_CAArecord": "trust: localhost has no DNS records",
    "certificate_transparency": "trust: the authority is one of this test",
    "engine_problem": "testssl's own OpenSSL has no GOST",
}
# What testssl says where it could not find out, which says nothing of the server. Only by name, and only as a warning.
UNKNOWN = {
    "sessionresumption_ticket": "its client may end before the server's ticket has come; net/tests/tls resumes sessions",
}
BAD = ("MEDIUM", "HIGH", "CRITICAL", "FATAL", "WARN")
# If one of these is missing, the scan was not whole, and its silence says nothing.
WANTED = ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "cipher_order", "heartbleed", "CCS", "ROBOT",
          "secure_renego", "secure_client_renego", "CRIME_TLS", "POODLE_SSL", "fallback_SCSV", "SWEET32", "FREAK", "DROWN",
          "LOGJAM", "BEAST", "LUCKY13", "RC4", "FS", "cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT",
          "cipherlist_LOW", "cipherlist_3DES_IDEA", "cipherlist_AVERAGE", "cert_keySize", "cert_signatureAlgorithm")


def scan(kind, directory):
    made = certificates(directory) if kind == "ecdsa" else rsa_certificate(directory)
    found = os.path.join(directory, f"{kind}.json")
    started = time.monotonic()
    with server("tls://127.0.0.1:0", "echo", "--cert", made["cert"], "--key", made["key"]) as (_, (host, port)):
        ran = subprocess.run(
            ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "min", "--jsonfile", found,
             "-p", "-s", "-f", "-P", "-S", "-U", f"{host}:{port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=600)
    try:
        with open(found, encoding="utf-8") as text:
            findings = json.load(text)
    except (OSError, ValueError):
        sys.exit(f"testssl left no findings:\n{ran.stdout[-2000:]}")
    seen = {finding["id"] for finding in findings}
    missing = [name for name in WANTED if name not in seen and not (name == "FS" and "PFS" in seen)]
    bad = []
    for finding in findings:
        name, text = finding["id"], " ".join(finding["finding"].split())[:100]
        if finding["severity"] in BAD or finding["severity"] == "LOW":
            why = ALLOWED.get(name) or (finding["severity"] == "WARN" and UNKNOWN.get(name))
            if why:
                print(f"   allowed: {kind} {name} [{finding['severity']}] {text} ({why})")
            elif finding["severity"] in BAD:
                bad.append(f"{name} [{finding['severity']}] {text}")
    for line in bad:
        print(f"   FINDING: {kind} {line}")
    if missing:
        print(f"   not scanned: {kind} {', '.join(missing)}")
    return len(findings), len(bad) + len(missing), time.monotonic() - started


def main():
    if not shutil.which("testssl"):
        sys.exit("testssl is missing: apt install testssl.sh")
    program()
    kinds = sys.argv[2:] or ["ecdsa", "rsa"]
    with tempfile.TemporaryDirectory() as directory:
        figures = {kind: scan(kind, directory) for kind in kinds}
    said = ", ".join(f"{kind} {count} findings in {took:.0f} s, {bad} of MEDIUM or worse"
                     for kind, (count, bad, took) in figures.items())
    row(2, not any(bad for _, bad, _ in figures.values()), f"testssl: {said}", "none of MEDIUM or worse")


if __name__ == "__main__":
    main()
