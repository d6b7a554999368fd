#!/usr/bin/env bash
# Fuzzes every target (or those named) for so many seconds each, then keeps a small corpus: minimized, and no more than
# 300 inputs a target. `fuzz/keep.sh 120`, `fuzz/keep.sh 600 framing endpoint`. Prints one line a target.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-120}
shift || true
targets=("$@")
if ((${#targets[@]} == 0)); then
    mapfile -t targets < <(cargo +nightly fuzz list)
fi
for target in "${targets[@]}"; do
    mkdir -p "fuzz/corpus/$target"
    log=$(mktemp)
    if ! cargo +nightly fuzz run "$target" -- -max_total_time="$seconds" -max_len=4096 -timeout=5 >"$log" 2>&1; then
        grep -E -A6 'panicked|ERROR|SUMMARY' "$log" || tail -20 "$log"
        exit 1
    fi
    cargo +nightly fuzz cmin "$target" >/dev/null 2>&1
    # The smallest inputs say as much as long ones, and a reader can read them.
    find "fuzz/corpus/$target" -type f -printf '%s %p\n' | sort -n | tail -n +301 | cut -d' ' -f2- | xargs -r rm --
    printf '%s: %s, %s inputs kept\n' "$target" "$(grep '^Done' "$log")" "$(find "fuzz/corpus/$target" -type f | wc -l)"
done
