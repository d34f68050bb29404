#!/bin/sh
# Installs moto's server, which plays Amazon's S3, below target/servers where it is missing, pinned. Prints where its
# program is.
set -eu
cd "$(dirname "$0")/../../.."
servers="${CARGO_TARGET_DIR:-target}/servers"
mkdir -p "$servers"
folder="$(cd "$servers" && pwd)/moto-5.2.5"
if ! "$folder/bin/moto_server" --version >/dev/null 2>&1; then
    # A virtual environment needs Debian's ensurepip where Python is Debian's.
    python3 -c "import ensurepip" 2>/dev/null || apt-get install --yes --no-install-recommends python3-venv >&2
    rm -rf "$folder"
    python3 -m venv "$folder" >&2
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "moto[server,s3]==5.2.5" >&2
fi
echo "$folder/bin/moto_server"
