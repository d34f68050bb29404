#!/usr/bin/env bash
# A disk that fills up while changes are posted, while a file is followed and while a merge runs: posts are told that
# nothing is durable, lookups go on, what waited is applied once there is room, and nothing acknowledged is lost, not even
# by a kill and a start on the full disk.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target="${CARGO_TARGET_DIR:-target}"
cargo build --locked --quiet
ringside="$(cd "$target/debug" && pwd)/ringside"

work=$(mktemp -d)
disk="$work/disk"
mkdir "$disk"
server=
trap '[[ -z "$server" ]] || { kill -9 "$server"; wait "$server"; } 2>/dev/null || true; umount "$disk" 2>/dev/null || true; rm -rf "$work"' EXIT
if ! mount -t tmpfs -o size=12m tmpfs "$disk"; then
    echo "full_disk_feed: expected to be allowed to mount a tmpfs; run it as root with CAP_SYS_ADMIN" >&2
    exit 1
fi

fail() {
    printf 'full_disk_feed: %s\n' "$1" >&2
    tail -n 20 "$work/log" >&2 2>/dev/null || true
    exit 1
}
command -v curl >/dev/null || fail "expected curl to be installed"

# until_ SECONDS WHAT COMMAND...: runs the command until it succeeds.
until_() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [[ $SECONDS -lt $deadline ]] || fail "waited in vain until $what"
        read -r -t 0.05 <> <(:) || true
    done
}

# start: serves what is on the disk; its addresses are in `callers` and `admin`.
start() {
    # Ahead of it, or what an earlier one printed would be read.
    : >"$work/out"
    RINGSIDE__DATA__DIR="$disk/data" RINGSIDE__DATA__OVERLAY_MAX_MIB=1 RINGSIDE__LISTENER__MAIN__ADDRESS=127.0.0.1:0 \
        RINGSIDE__ADMIN__ADDRESS=127.0.0.1:0 RINGSIDE__HTTP__OVERLOAD_AFTER_MS=10000 RINGSIDE__LOG__LEVEL=info \
        RINGSIDE__GUARD__MAX_PERCENT=1 RINGSIDE__GUARD__IGNORE_BELOW=5 \
        RINGSIDE__FEED__MAIN__KIND=http RINGSIDE__FEED__FILED__KIND=file \
        RINGSIDE__FEED__FILED__PATH="$work/changes.ndjson" RINGSIDE__FEED__FILED__POLL_MS=20 \
        "$ringside" serve >"$work/out" 2>>"$work/log" &
    server=$!
    until_ 30 "the service starts" grep -q 'administration on' "$work/out"
    callers=$(sed -n 's/.*listening on \(http:[^ ]*\).*/\1/p' "$work/out" | head -n 1)
    admin=$(sed -n 's/.*administration on \(http:[^ ]*\).*/\1/p' "$work/out" | head -n 1)
}

kill_it() {
    kill -9 "$server"
    wait "$server" 2>/dev/null || true
    server=
}

# batch VERSION FROM COUNT: COUNT customers of a kilobyte from the one FROM on, whose names say VERSION.
batch() {
    awk -v version="$1" -v from="$2" -v count="$3" 'BEGIN {
        while (length(padding) < 900) padding = padding "x"
        for (n = from; n < from + count; n++)
            printf "{\"op\":\"upsert\",\"customer\":{\"id\":\"p%d\",\"name\":\"p%d v%d\",\"company\":\"%s\",\"phones\":[\"+1480675%04d\"]}}\n", n, n, version, padding, 2000 + n
    }'
}

# post FILE: the status; the answer is in $work/answer, its head in $work/head.
post() {
    curl --silent --max-time 30 --output "$work/answer" --dump-header "$work/head" --write-out '%{http_code}' \
        --data-binary "@$1" "$callers/v1/changes?feed=main"
}

# name PHONE: who calls from it.
name() {
    curl --silent --max-time 10 "$callers/v1/lookup?ani=%2B$1&format=flat" | sed -n 's/.*"name":"\([^"]*\)".*/\1/p'
}

is_named() {
    [[ "$(name "$1")" == "$2" ]]
}

# served VERSION COUNT: whether the first and the last of COUNT customers are of that version.
served() {
    is_named 14806752000 "p0 v$1" && is_named "1480675$((2000 + $2 - 1))" "p$(($2 - 1)) v$1"
}

# fill BYTES: leaves about so many bytes free.
fill() {
    dd if=/dev/zero of="$disk/ballast" bs=4k status=none 2>/dev/null || true
    truncate -s "-$1" "$disk/ballast"
}

electable() {
    [[ "$(curl --silent --max-time 10 --output /dev/null --write-out '%{http_code}' "$admin/electable")" == 200 ]]
}

metric() {
    curl --silent --max-time 10 "$admin/metrics" | sed -n "s/^$1 //p"
}

# merged COUNT: whether so many merges have been taken up, or more.
merged() {
    [[ "$(metric ringside_replica_merges_total)" -ge $1 ]]
}

failing() {
    [[ "$(metric ringside_replica_merges_failed_total)" -gt 0 ]]
}

# refused FILE: the post is told that nothing is durable, and when to come again.
refused() {
    local status
    status=$(post "$1")
    [[ "$status" == 503 ]] || fail "a post to a full disk: expected 503, found $status: $(cat "$work/answer")"
    grep -q '"not_durable"' "$work/answer" || fail "a post to a full disk: expected not_durable, found $(cat "$work/answer")"
    grep -qi '^retry-after: 1' "$work/head" || fail "a post to a full disk is not told when to come again"
}

# accepted FILE
accepted() {
    [[ "$(post "$1")" == 200 ]]
}

awk 'BEGIN { for (n = 0; n < 200; n++) printf "{\"id\":\"b%d\",\"name\":\"b%d\",\"phones\":[\"+1415555%04d\"]}\n", n, n, 2000 + n }' \
    >"$work/base.ndjson"
"$ringside" snapshot build --input "$work/base.ndjson" --format ndjson --out "$disk/data" >/dev/null 2>&1 || fail "no snapshot"
for version in 1 2 3 4 5 6 7 8 9; do batch $version 0 60 >"$work/v$version"; done
filed() { printf '{"op":"upsert","customer":{"id":"f","name":"filed v%d","phones":["+14806759999"]}}\n' "$1" >>"$work/changes.ndjson"; }

# 1: while changes are posted, and come from a file.
filed 1
start
[[ "$(post "$work/v1")" == 200 ]] || fail "the first post: $(cat "$work/answer")"
until_ 10 "the file is read" is_named 14806759999 "filed v1"
fill 16k
refused "$work/v2"
filed 2
refused "$work/v2"
served 1 60 || fail "what was not durable is seen, or what was is gone: $(name 14806752000)"
electable || fail "a full disk is no reason not to answer lookups"
is_named 14155552000 b0 || fail "lookups do not go on"
is_named 14806759999 "filed v1" || fail "a line that is not durable is seen"
rm "$disk/ballast"
until_ 10 "what waited is applied" served 2 60
until_ 10 "the file goes on" is_named 14806759999 "filed v2"
until_ 10 "posts are taken again" accepted "$work/v3"
served 3 60 || fail "an acknowledged post is not seen"

# 2: a post that is refused line by line, and one that is held: neither may say that a line is applied which is not durable.
fill 16k
refused "$work/v4"
rm "$disk/ballast"
until_ 10 "posts are taken again" accepted "$work/v4"
awk 'BEGIN { while (length(x) < 3000) x = x "y"; printf "{\"op\":\"upset %s\"}\n", x }' >"$work/nonsense"
fill 16k
for _ in 1 2 3 4 5 6 7 8; do post "$work/nonsense" >/dev/null; done
rm "$disk/ballast"
until_ 10 "posts are taken again" accepted "$work/nonsense"
if grep '"at":.*"at":' "$disk/data/main/feed-rejects.ndjson"; then fail "a refused change was kept in part, and the next one within it"; fi
[[ "$(wc -l <"$disk/data/main/feed-rejects.ndjson")" -lt 9 ]] || fail "the disk was not full for refused changes"
fill 16k
{
    cat "$work/v5"
    for n in 0 1 2 3 4 5 6 7 8 9; do printf '{"op":"delete","id":"b%d"}\n' $n; done
} >"$work/held"
refused "$work/held"
served 4 60 || fail "what was not durable is seen"
is_named 14155552001 b1 || fail "a deletion that is not durable is seen"

# 3: a kill and a start while the disk is full: what was acknowledged is there, the rest never was.
kill_it
start
served 4 60 || fail "an acknowledged post is lost: $(name 14806752000)"
is_named 14155552001 b1 || fail "a deletion that nobody was told of was applied"
until_ 10 "the file's changes are there" is_named 14806759999 "filed v2"
refused "$work/v6"
rm "$disk/ballast"
until_ 10 "posts are taken again" accepted "$work/v6"

# 4: while merges run: there is room for the log, and none for a generation.
merges=$(metric ringside_replica_merges_total)
fill 1000k
last=0
for nth in $(seq 1 40); do
    batch 7 $((nth * 100)) 100 >"$work/more"
    status=$(post "$work/more")
    [[ "$status" == 200 || "$status" == 503 ]] || fail "a post beside a merge: found $status: $(cat "$work/answer")"
    if [[ "$status" == 503 ]]; then break; fi
    last=$nth
    is_named "1480675$((2000 + nth * 100))" "p$((nth * 100)) v7" || fail "an acknowledged post is not seen beside a merge"
done
[[ "$status" == 503 && $last -gt 3 ]] || fail "expected the disk to be full after some posts, found $status after $last"
until_ 20 "the merge fails" failing
served 6 60 || fail "lookups do not go on beside a merge that fails"
electable || fail "a merge that fails is no reason not to answer lookups"
[[ "$(metric ringside_replica_merges_total)" == "$merges" ]] || fail "a merge was taken up for which there was no room"
rm "$disk/ballast"
until_ 10 "what waited is applied" is_named "1480675$((2000 + (last + 1) * 100))" "p$(((last + 1) * 100)) v7"
until_ 90 "the merge is tried again" merged $((merges + 1))
check() {
    served 6 60 || fail "$1: an acknowledged post is lost"
    local nth
    for nth in $(seq 1 $((last + 1))); do
        is_named "1480675$((2000 + nth * 100 + 99))" "p$((nth * 100 + 99)) v7" || fail "$1: the post $nth is lost"
    done
}
check "after the merge"

# 5: what a full disk left is whole, and a start finds all of it.
kill_it
"$ringside" snapshot verify "$disk/data" >/dev/null || fail "a generation is damaged"
if find "$disk/data" -name '.*' -type f | grep .; then fail "a merge that failed left a file behind"; fi
start
check "after a start"
accepted "$work/v8" || fail "posts are not taken after a start: $(cat "$work/answer")"
served 8 60 || fail "an acknowledged post is not seen"

echo "full_disk_feed: nothing acknowledged was lost, nothing else was seen, and all went on with room again"
