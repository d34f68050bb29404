#!/usr/bin/env bash
# A build of five million rows under a measured bound of memory, then the same one killed half way and gone on with.
# RINGSIDE_IMPORT_ROWS sets how many rows, a multiple of 1000.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

rows="${RINGSIDE_IMPORT_ROWS:-5000000}"
target="${CARGO_TARGET_DIR:-target}"
cargo build --release --locked --quiet
ringside="$(cd "$target/release" && pwd)/ringside"

work=$(mktemp -d)
child=
trap '[[ -z "$child" ]] || kill -9 "$child" 2>/dev/null || true; rm -rf "$work"' EXIT

fail() {
    printf 'import: %s\n' "$1" >&2
    exit 1
}

# One row in a thousand has an id that was there, one in 500 a number that was there, and one in 250 lists the switchboard.
awk -v rows="$rows" 'BEGIN { for (n = 1; n <= rows; n++) {
    id = n % 1000 == 0 ? n - 1 : n
    number = n % 500 == 250 ? n - 1 : n
    switchboard = n % 250 == 125 ? ",\"+14809999999\"" : ""
    printf "{\"id\":\"c-%d\",\"name\":\"Customer %d\",\"phones\":[\"+1480%07d\"%s],\"attributes\":{\"email\":\"customer%d@example.org\",\"city\":\"Amsterdam\"},\"cases\":[{\"id\":\"5f%d\",\"title\":\"Router keeps rebooting after the update\",\"status\":\"open\",\"created_at\":\"2026-11-02T09:30:00Z\"}]}\n", id, n, 2000000 + number, switchboard, n, n
} }' >"$work/customers.ndjson"

# start DATA: begins the build, with its summary and its messages in files beside DATA.
start() {
    "$ringside" snapshot build --json --input "$work/customers.ndjson" --format ndjson --out "$work/$1" \
        >"$work/$1.json" 2>"$work/$1.err" &
    child=$!
}

# anonymous: KiB of the child's memory that is no file's.
anonymous() {
    awk '/^RssAnon:/ { print $2 }' "/proc/$child/status" 2>/dev/null || true
}

# field DATA NAME: a number of the summary.
field() {
    sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p" "$work/$1.json"
}

# finish DATA: waits for the build and verifies what it made; the greatest memory that was seen is in `peak`.
finish() {
    local now
    peak=0
    while kill -0 "$child" 2>/dev/null; do
        now=$(anonymous)
        if [[ "${now:-0}" -gt "$peak" ]]; then peak=$now; fi
        sleep 0.05
    done
    wait "$child" || fail "the build of $1 failed: $(cat "$work/$1.err")"
    child=
    "$ringside" snapshot verify "$work/$1" >/dev/null || fail "the snapshot of $1 is damaged"
    for expected in "rows $rows" "refused $((rows / 1000))" "customers $((rows - rows / 1000))" "kept_phones 0" \
        "contested $((rows / 500 + 1))"; do
        read -r name value <<<"$expected"
        [[ "$(field "$1" "$name")" == "$value" ]] || fail "$1: expected $name $value, found $(field "$1" "$name")"
    done
    [[ $peak -gt 0 && $peak -le $bound ]] || fail "$1: expected at most $bound KiB of memory, found $peak"
}

# What the configuration allows, and four bytes a customer.
bound=$((256 * 1024 + 4 * rows / 1024))

start whole
finish whole
printf 'import: %d rows, %.1f s, %d rows a second, peak %d MiB of memory, bound %d MiB\n' "$rows" \
    "$(field whole seconds)" "$(awk "BEGIN { print int($rows / $(field whole seconds)) }")" $((peak / 1024)) $((bound / 1024))

start killed
until [[ "$(grep -ao '"rows":[0-9]*' "$work/killed/main/build/manifest" 2>/dev/null | cut -d: -f2)" -ge $((rows / 2)) ]]; do
    kill -0 "$child" 2>/dev/null || fail "the build ended before it was half way"
    sleep 0.05
done
kill -9 "$child"
wait "$child" 2>/dev/null || true
[[ ! -e "$work/killed/main/CURRENT" ]] || fail "half a build was published"
start killed
finish killed
grep -q 'resuming' "$work/killed.err" || fail "the build began anew: $(cat "$work/killed.err")"
[[ ! -e "$work/killed/main/build" ]] || fail "the folder of the build is still there"
printf 'import: killed half way, gone on in %.1f s, peak %d MiB\n' "$(field killed seconds)" $((peak / 1024))

for data in whole killed; do
    "$ringside" snapshot export "$work/$data" | sha256sum
done | uniq | wc -l | grep -qx 1 || fail "the build that was killed came to other customers"
