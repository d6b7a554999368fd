#!/usr/bin/env bash
# Sends a message with Python's smtplib to HOST PORT.
exec "${PYTHON:-python3}" "$(dirname "$0")/client.py" "$@"
