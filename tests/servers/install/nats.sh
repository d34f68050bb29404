#!/bin/sh
# Installs nats-server of Debian where it is missing, and prints where it is.
set -eu
for path in "${NATS_SERVER:-}" /usr/sbin/nats-server /usr/bin/nats-server; do
    if [ -n "$path" ] && [ -x "$path" ]; then
        echo "$path"
        exit 0
    fi
done
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -qq >&2
$sudo apt-get install --yes --no-install-recommends nats-server >&2
echo /usr/sbin/nats-server
