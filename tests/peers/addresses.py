"""Answers questions about addresses with Python's own ipaddress module: a line of JSON for each line of stdin.

    addr ADDR             what an address is
    net ADDR/PREFIX       the network it is in
    split NET PREFIX      the first and last eight pieces, and how many there are
    join NET NET ...      collapsed
"""

import ipaddress
import json
import sys


def about(text):
    address = ipaddress.ip_address(text)
    facts = {
        "compressed": address.compressed,
        "exploded": address.exploded,
        "reverse": address.reverse_pointer,
        "private": address.is_private,
        "global": address.is_global,
        "loopback": address.is_loopback,
        "link_local": address.is_link_local,
        "multicast": address.is_multicast,
        "unspecified": address.is_unspecified,
        "number": str(int(address)),
    }
    if address.version == 6:
        teredo = address.teredo
        facts["mapped"] = str(address.ipv4_mapped or "")
        facts["sixtofour"] = str(address.sixtofour or "")
        facts["teredo"] = [str(part) for part in teredo] if teredo else []
        facts["site_local"] = address.is_site_local
    return facts


def network(text):
    interface = ipaddress.ip_interface(text)
    net = interface.network
    hosts = net.num_addresses if net.version == 6 or net.prefixlen >= 31 else net.num_addresses - 2
    return {
        "network": str(net.network_address),
        "last": str(net.broadcast_address),
        "mask": str(net.netmask),
        "wildcard": str(net.hostmask),
        "count": str(net.num_addresses),
        "hosts": str(hosts),
        "cidr": str(net),
    }


def split(text, prefix):
    pieces = list(ipaddress.ip_network(text).subnets(new_prefix=int(prefix)))
    return {"count": str(len(pieces)), "pieces": [str(piece) for piece in pieces[:8] + pieces[-8:]]}


def join(texts):
    joined = []
    for version in (4, 6):
        nets = [ipaddress.ip_network(text) for text in texts]
        joined += ipaddress.collapse_addresses([net for net in nets if net.version == version])
    return [str(net) for net in joined]


for line in sys.stdin:
    verb, *words = line.split()
    answer = {
        "addr": lambda: about(words[0]),
        "net": lambda: network(words[0]),
        "split": lambda: split(words[0], words[1]),
        "join": lambda: join(words),
    }[verb]()
    print(json.dumps(answer))
