#!/usr/bin/env bash
# A Modbus/TCP device (pymodbus) at HOST PORT.
exec "${PYTHON:-python3}" "$(dirname "$0")/server.py" "$@"
