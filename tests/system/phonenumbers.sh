#!/usr/bin/env bash
# The answers of `ringside normalize --raw` beside those of Python's port of libphonenumber with the same metadata, on
# the sample of the tests and on made-up numbers of every region. Needs python3 with venv, and the package index once.
# An optional argument says how many numbers are made up for each region.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# The version whose metadata `rlibphonenumber` carries; raise them together.
readonly version=9.0.42

target="$(mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)"
venv="$target/phonenumbers/$version"
cargo build --locked --quiet
if ! "$venv/bin/python" -c "import phonenumbers" 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "phonenumbers==$version"
fi
exec "$venv/bin/python" tests/system/compare_phonenumbers.py "$target/debug/ringside" tests/data/phone_sample.tsv "${1:-200}"
