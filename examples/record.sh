#!/usr/bin/env bash
# Records an example anew: starts its server, a proxy that records, and its client, and prints the file.
#   examples/record.sh redis        examples/record.sh dns udp
# What it prints is what the example's .skt was made of; the comments and wildcards there are by hand. Needs bash and the
# example's server and client (see its README); sockeye is $SOCKEYE, else the one in target/debug, else the one in PATH.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
example=$here/$1
transport=${2:-tcp}
sockeye=${SOCKEYE:-$here/../target/debug/sockeye}
[[ -x $sockeye ]] || sockeye=sockeye
[[ -x $here/../target/python/bin/python ]] && export PYTHON=$here/../target/python/bin/python

work=$(mktemp -d)
pids=()
finish() {
    ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# A loopback address of its own, so that the port is free there.
host=127.0.$((RANDOM % 250 + 1)).$((RANDOM % 250 + 1))
port=$(<"$example/port")
frame=$([[ -f $example/frame ]] && printf '?frame=%s' "$(<"$example/frame")" || true)
"$example/server.sh" "$host" "$port" >"$work/server" 2>&1 &
pids+=($!)
until (exec 3<>"/dev/tcp/$host/$port") 2>/dev/null; do
    kill -0 "${pids[0]}" || { cat "$work/server" >&2; exit 1; }
done

"$sockeye" proxy "$transport://127.0.0.1:0$frame" "$transport://$host:$port$frame" --record "$work/session.skt" 2>"$work/proxy" &
proxy=$!
pids+=("$proxy")
until grep -qs '^listening on ' "$work/proxy"; do
    kill -0 "$proxy" || { cat "$work/proxy" >&2; exit 1; }
done
url=$(sed -n 's/^listening on //p' "$work/proxy")
url=${url##*://}
"$example/client.sh" "${url%:*}" "${url##*:}" "$transport" >&2
kill -INT "$proxy"
wait "$proxy" || true
cat "$work/session.skt"
