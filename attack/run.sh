#!/usr/bin/env bash
# Every attack on a server, one after the other, and a summary. Each prints a line `row N: ...` with its figure and bound.
#
#     attack/run.sh [target/debug/sockeye] [quick]
#
# With `quick` only those that end within seconds. Those that need root come last and are named if left out. The rows are
# those of docs/security.md.
set -uo pipefail
cd "$(dirname "$0")/.."
sockeye=${1:-target/debug/sockeye}
quick=("tls_versions.py" "restart.py" "slow_handshakes.py" "long_frames.py tls" "slow_reader.py" "deflate.py" "kill_recorder.py 10")
slow=("slow_drip.py" "pending_flood.py" "pending_flood.py tls" "long_frames.py" "guessing.py" "testssl.py" "kill_recorder.py 200")
root=("half_open.py" "full_disk.py")

attacks=("${quick[@]}")
if [[ ${2:-} != quick ]]; then
    attacks+=("${slow[@]}")
    if ((EUID == 0)); then
        attacks+=("${root[@]}")
    else
        printf 'left out, as they need root: %s\n' "${root[*]}"
    fi
fi

passed=0
failed=()
for attack in "${attacks[@]}"; do
    read -ra words <<<"$attack"
    if timeout 900 python3 "attack/${words[0]}" "$sockeye" "${words[@]:1}" </dev/null; then
        passed=$((passed + 1))
    else
        failed+=("$attack")
    fi
done
printf 'attacks: %d passed, %d failed%s\n' "$passed" "${#failed[@]}" "${failed:+: ${failed[*]}}"
((${#failed[@]} == 0))
