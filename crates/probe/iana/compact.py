#!/usr/bin/env python3
"""Makes services.txt of IANA's registry: compact.py service-names-port-numbers.csv DATE > services.txt

The registry is at https://www.iana.org/assignments/service-names-port-numbers/ and may be used without restriction
(CC0 1.0: https://www.iana.org/help/licensing-terms). Kept are the ports of TCP and UDP with name and description; who
registered them, sctp, dccp and names without a port are left out.
"""

import csv
import sys


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            name, ports, protocol = row["Service Name"], row["Port Number"], row["Transport Protocol"]
            about = " ".join(row["Description"].split())
            if not ports or protocol not in ("tcp", "udp") or (not name and about != "Reserved"):
                continue
            first, _, last = ports.partition("-")
            yield int(first), int(last or first), name or "-", about, protocol


def main():
    path, date = sys.argv[1:]
    entries = {}
    for first, last, name, about, protocol in rows(path):
        entries.setdefault((first, last, name, about), set()).add(protocol)
    print(f"# IANA, Service Name and Transport Protocol Port Number Registry, as of {date}; CC0 1.0")
    print("# port or range, t(cp) and u(dp), name, description where it says more than the name")
    order = {key: place for place, key in enumerate(entries)}
    for key in sorted(entries, key=lambda key: (key[0], order[key])):
        first, last, name, about = key
        ports = str(first) if first == last else f"{first}-{last}"
        letters = "".join(letter for letter, protocol in (("t", "tcp"), ("u", "udp")) if protocol in entries[key])
        says_more = about.lower() not in ("", name.lower())
        print(" ".join([ports, letters, name] + ([about] if says_more else [])))


main()
