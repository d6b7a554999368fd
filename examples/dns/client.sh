#!/usr/bin/env bash
# dig against HOST PORT, over udp or tcp. The numbers of its questions are given: dig draws them otherwise.
set -euo pipefail
asks() {
    local wanted=$1 number=$2
    shift 2
    local got
    got=$(dig "@$host" -p "$port" "$over" +noedns +tries=1 +time=5 +qid="$number" +short "$@")
    [[ $got == "$wanted" ]] || { printf '%s: %q, wanted %q\n' "$*" "$got" "$wanted" >&2; exit 1; }
}
host=$1 port=$2 over=$([[ $3 == tcp ]] && echo +tcp || echo +notcp)
asks 192.0.2.1 4097 www.example.test A
asks 2001:db8::1 4098 www.example.test AAAA
asks '' 4099 nobody.test A
