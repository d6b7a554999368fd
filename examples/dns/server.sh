#!/usr/bin/env bash
# dnsmasq at HOST PORT: it knows www.example.test, and asks nobody else.
exec dnsmasq --no-daemon --no-resolv --no-hosts --port="$2" --listen-address="$1" --bind-interfaces --user=root \
    --host-record=www.example.test,192.0.2.1,2001:db8::1,300 --local=/test/
