#!/usr/bin/env bash
# Reads and writes registers of a device (pymodbus) at HOST PORT.
exec "${PYTHON:-python3}" "$(dirname "$0")/client.py" "$@"
