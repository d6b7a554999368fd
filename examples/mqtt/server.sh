#!/usr/bin/env bash
# mosquitto at HOST PORT, open to everybody, with nothing kept.
exec mosquitto -c <(printf 'listener %s %s\nallow_anonymous true\npersistence false\n' "$2" "$1")
