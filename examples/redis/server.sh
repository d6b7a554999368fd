#!/usr/bin/env bash
# redis-server at HOST PORT, with nothing in it and nothing kept.
exec redis-server --bind "$1" --port "$2" --save '' --appendonly no --protected-mode no --dir /tmp
