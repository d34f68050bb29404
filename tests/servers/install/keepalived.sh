#!/bin/sh
# Installs what the tests of two nodes and their address need where it is missing: keepalived, ip and nft of Debian. Needs root
# where it has to install packages; keepalived is not left running by this.
set -eu
missing=""
command -v keepalived >/dev/null || missing="$missing keepalived"
command -v ip >/dev/null || missing="$missing iproute2"
command -v nft >/dev/null || missing="$missing nftables"
command -v ping >/dev/null || missing="$missing iputils-ping"
if [ -n "$missing" ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "run this as root, or install the packages$missing" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    # Where policy-rc.d says 101, installing a package starts no service.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        # dash runs no trap of EXIT where a signal ends it.
        trap 'exit 130' INT TERM
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod +x /usr/sbin/policy-rc.d
    fi
    apt-get update -qq >&2
    # shellcheck disable=SC2086
    apt-get install --yes -qq --no-install-recommends $missing >&2
fi
keepalived --version 2>&1 | head -n 1
