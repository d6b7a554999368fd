#!/usr/bin/env bash
# redis-cli against HOST PORT: one connection a line. Fails unless every answer is the one that is wanted.
set -euo pipefail
wants() {
    local wanted=$1
    shift
    local got
    got=$(redis-cli -h "$host" -p "$port" "$@")
    [[ $got == "$wanted" ]] || { printf '%s: %q, wanted %q\n' "$*" "$got" "$wanted" >&2; exit 1; }
}
host=$1 port=$2
wants OK SET greeting 'hello 你好'
wants 'hello 你好' GET greeting
wants $'1\n2\n3' -r 3 INCR visits
wants 3 RPUSH list a b c
wants $'a\nb\nc' LRANGE list 0 -1
wants '' GET nothing
wants 3 DEL greeting visits list
