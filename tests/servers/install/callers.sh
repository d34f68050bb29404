#!/bin/sh
# Installs what plays the callers where it is missing: Kamailio with its modules, SIPp, PHP and curl of Debian, and below
# target/servers a Python with JSONPath and schemathesis, pinned. Prints where that Python is. Needs root where it has to
# install packages; none of them is left running by this.
set -eu
cd "$(dirname "$0")/../../.."
modules="$(ls -d /usr/lib/*/kamailio/modules 2>/dev/null || true)"
missing=""
[ -x /usr/sbin/kamailio ] || missing="$missing kamailio"
[ -e "$modules/http_client.so" ] || missing="$missing kamailio-utils-modules"
[ -e "$modules/uuid.so" ] || missing="$missing kamailio-extra-modules"
command -v sipp >/dev/null || missing="$missing sip-tester"
command -v curl >/dev/null || missing="$missing curl"
command -v php >/dev/null || missing="$missing php-cli"
command -v php >/dev/null && php -r 'exit(function_exists("curl_init") ? 0 : 1);' || missing="$missing php-curl"
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

servers="${CARGO_TARGET_DIR:-target}/servers"
mkdir -p "$servers"
folder="$(cd "$servers" && pwd)/callers-1"
python="$folder/bin/python"
if ! "$python" -c "import schemathesis, jsonpath_ng" >/dev/null 2>&1; then
    # A virtual environment needs Debian's ensurepip where Python is Debian's.
    python3 -c "import ensurepip" 2>/dev/null || apt-get install --yes --no-install-recommends python3-venv >&2
    rm -rf "$folder"
    python3 -m venv "$folder" >&2
    "$python" -m pip install --quiet --disable-pip-version-check \
        "jsonpath-ng==1.7.0" "schemathesis==4.4.4" "hypothesis==6.140.3" >&2
fi
echo "$python"
