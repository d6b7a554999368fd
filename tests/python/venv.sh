#!/usr/bin/env bash
# Makes target/python, an environment with the Python packages that tests need, unless it is there already.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=target/python
wanted=tests/python/requirements.txt
if ! cmp --silent "$wanted" "$venv/requirements.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 5 --requirement "$wanted"
    cp "$wanted" "$venv/requirements.txt"
fi
