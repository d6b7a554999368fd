#!/usr/bin/env bash
# An SMTP server (aiosmtpd) at HOST PORT that takes every message and forgets it.
exec "${PYTHON:-python3}" "$(dirname "$0")/server.py" "$@"
