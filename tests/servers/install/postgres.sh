#!/usr/bin/env bash
# Installs PostgreSQL from the distribution's packages, where it is absent, and prints the folder of its programs.
# Needs root where it has to install. The tests make servers of their own; none is left running by this.
set -euo pipefail

folder() {
    local found
    found=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    [[ -n $found && -x $found/postgres ]] && echo "$found"
}

if ! folder; then
    if [[ $(id -u) -ne 0 ]]; then
        echo "PostgreSQL is absent: run this as root, or install the package postgresql" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    # The package would otherwise make a cluster and start it.
    mkdir -p /etc/postgresql-common
    if [[ ! -e /etc/postgresql-common/createcluster.conf ]]; then
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    fi
    apt-get update -qq >&2
    apt-get install -y -qq --no-install-recommends postgresql >&2
    folder
fi
