#!/usr/bin/env bash
# A subscriber and a publisher against HOST PORT. Fails unless what one says reaches the other.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stdbuf -oL mosquitto_sub -d -h "$1" -p "$2" -i listener -t 'house/#' -C 1 -W 20 >"$work/heard" 2>&1 &
listener=$!
# Subscribed, and only then is anything said.
until grep -qs '^Subscribed' "$work/heard"; do
    # A mock may tell what was published before anybody publishes: then it has ended, and in good order.
    kill -0 "$listener" 2>/dev/null || grep -qs '^Subscribed' "$work/heard" || { cat "$work/heard" >&2; exit 1; }
done
mosquitto_pub -h "$1" -p "$2" -i speaker -t house/kitchen -m '21.5 °C' -q 1
wait "$listener"
grep -qx '21.5 °C' "$work/heard"
