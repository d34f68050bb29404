#!/usr/bin/env bash
# A build onto a disk that fills up, and onto one that is read-only: a clear error, nothing published, nothing lost; with
# room again, a long build goes on where it was.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target="${CARGO_TARGET_DIR:-target}"
cargo build --locked --quiet
ringside="$(cd "$target/debug" && pwd)/ringside"

work=$(mktemp -d)
disk="$work/disk"
mkdir "$disk"
trap 'umount "$disk" 2>/dev/null || true; rm -rf "$work"' EXIT
if ! mount -t tmpfs -o size=4m tmpfs "$disk"; then
    echo "full_disk: expected to be allowed to mount a tmpfs; run it as root with CAP_SYS_ADMIN" >&2
    exit 1
fi

fail() {
    printf 'full_disk: %s\n' "$1" >&2
    exit 1
}

# customers COUNT: that many customers, one a line.
customers() {
    awk -v count="$1" 'BEGIN { for (n = 1; n <= count; n++)
        printf "{\"id\":\"c-%d\",\"name\":\"Customer %d\",\"phones\":[\"+1415555%04d\"]}\n", n, n, 2000 + n % 7999 }'
}

# build FILE: what the build printed, and its exit status behind it. The files differ too much to pass unasked.
build() {
    "$ringside" snapshot build --input "$1" --format ndjson --out "$disk/data" --accept 2>&1 && echo "status 0" || echo "status $?"
}

customers 500 >"$work/few.ndjson"
customers 60000 >"$work/many.ndjson"

build "$work/few.ndjson" | grep -q '^status 0$' || fail "500 customers did not fit on the disk"
before=$(cat "$disk/data/main/CURRENT")
ls "$disk/data/main" >"$work/before"

output=$(build "$work/many.ndjson")
grep -q '^status 1$' <<<"$output" || fail "a full disk did not fail the build: $output"
grep -qi 'full' <<<"$output" || fail "the error does not say that the disk is full: $output"
[[ "$(cat "$disk/data/main/CURRENT")" == "$before" ]] || fail "CURRENT changed"
"$ringside" snapshot verify "$disk/data" >/dev/null || fail "what was published before is damaged"
ls "$disk/data/main" | diff "$work/before" - || fail "the failed build left files behind"

# Rows that are refused at their first byte bring the build so far that another try can go on from there.
{
    cat "$work/few.ndjson"
    for _ in 1 2 3 4 5 6 7 8 9; do
        head -c $((8 << 20)) /dev/zero | tr '\0' 'x'
        echo
    done
    customers 60000
} >"$work/long.ndjson"
output=$(build "$work/long.ndjson")
grep -q '^status 1$' <<<"$output" || fail "a full disk did not fail the long build: $output"
[[ "$(cat "$disk/data/main/CURRENT")" == "$before" ]] || fail "CURRENT changed"
mount -o remount,size=64m "$disk"
output=$(build "$work/long.ndjson")
grep -q '^status 0$' <<<"$output" || fail "with room again, the build failed: $output"
grep -q 'resuming' <<<"$output" || fail "with room again, the build began anew: $output"
"$ringside" snapshot verify "$disk/data" >/dev/null || fail "the build that went on is damaged"
[[ ! -e "$disk/data/main/build" ]] || fail "the folder of the build is still there"

mount -o remount,ro "$disk"
output=$(build "$work/few.ndjson")
grep -q '^status 1$' <<<"$output" || fail "a read-only disk did not fail the build: $output"
grep -qi 'read-only' <<<"$output" || fail "the error does not say that the disk is read-only: $output"
"$ringside" snapshot verify "$disk/data" >/dev/null || fail "a read-only snapshot cannot be read"

echo "full_disk: a full and a read-only disk were refused, and what was published stands"
