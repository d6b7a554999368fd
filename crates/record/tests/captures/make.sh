#!/usr/bin/env bash
# Makes the captures of this folder anew: tcpdump (as root) on the loopback device, while redis-cli talks to
# redis-server and dig to dnsmasq. editcap turns one into the other formats.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT

capture() { # FILE FILTER INTERFACE...
    local file=$1 filter=$2
    shift 2
    tcpdump -U -w "$file" "$@" "$filter" 2>"$work/log" &
    dump=$!
    pids+=("$dump")
    until grep -qs 'listening on' "$work/log"; do :; done
}
finish() {
    sleep 1
    kill -INT "$dump"
    wait "$dump" || true
}

redis-server --port 26379 --bind 127.0.0.1 --save '' --daemonize no --dir "$work" >/dev/null &
pids+=($!)
until redis-cli -p 26379 ping 2>/dev/null | grep -q PONG; do :; done

capture redis.pcap 'tcp port 26379' -i lo
# One connection each; without a command on its line redis-cli asks for the help of all there are.
redis-cli -p 26379 SET greeting 'hello 你好' >/dev/null
redis-cli -p 26379 GET greeting >/dev/null
redis-cli -p 26379 -r 3 -i 0.05 INCR visits >/dev/null
printf 'EVAL with 1 KiB\0%.0s' {1..80} | redis-cli -p 26379 -x SET blob >/dev/null
redis-cli -p 26379 GET nothing >/dev/null
redis-cli -p 26379 DEL greeting visits blob >/dev/null
finish

printf '192.0.2.1 www.example.test\n2001:db8::1 www.example.test\n' >"$work/hosts"
dnsmasq --no-daemon --no-resolv --no-hosts --addn-hosts="$work/hosts" --port=25353 --listen-address=127.0.0.1 \
    --bind-interfaces --user=root --txt-record="long.example.test,$(printf 'x%.0s' {1..200})" 2>/dev/null &
pids+=($!)
until dig -p 25353 @127.0.0.1 www.example.test +short +tries=1 +time=1 2>/dev/null | grep -q 192; do :; done
capture dns.pcap 'port 25353' -i any
dig -p 25353 @127.0.0.1 www.example.test A +noedns >/dev/null
dig -p 25353 @127.0.0.1 www.example.test AAAA +tcp +noedns >/dev/null
finish

editcap -F nsecpcap redis.pcap redis-nanoseconds.pcap
editcap -F pcapng redis.pcap redis.pcapng
editcap -F pcap -s 90 redis.pcap redis-cut.pcap
# Some packets twice, and some of them late: the last of the doubles stand in another place than the first.
editcap -F pcap redis.pcap "$work/some.pcap" 1-3 7-9 20-30
editcap -F pcap -t 0.0004 "$work/some.pcap" "$work/late.pcap"
mergecap -F pcap -w redis-mixed.pcap redis.pcap "$work/late.pcap"

# What tshark makes of the streams of each: hex, what the server said behind a tab.
follow() { # CAPTURE PROTOCOL STREAMS
    local stream
    for ((stream = 0; stream < $3; stream++)); do
        tshark -r "$1" -q -z "follow,$2,raw,$stream" 2>/dev/null
    done
}
follow redis.pcap tcp 6 >redis.follow
follow redis-mixed.pcap tcp 6 >redis-mixed.follow
{ follow dns.pcap udp 1; follow dns.pcap tcp 1; } >dns.follow
