#!/usr/bin/env bash
# Both nodes are lost with their disks: how long until a new one answers, from the object store, and a second one from the
# first. restore.sh [CUSTOMERS [STORE]]; STORE is file:///FOLDER or s3://BUCKET/PREFIX, with AWS_* in the environment.
# RINGSIDE names the program; without it the release build is made.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

customers="${1:-1000000}"
work=$(mktemp -d)
store="${2:-file://$work/store}"
children=()
trap 'for child in "${children[@]}"; do kill -9 "$child" 2>/dev/null || true; done; rm -rf "$work"' EXIT

ringside="${RINGSIDE:-}"
if [[ -z "$ringside" ]]; then
    cargo build --release --locked --quiet
    ringside="$(cd "${CARGO_TARGET_DIR:-target}/release" && pwd)/ringside"
fi

fail() {
    printf 'restore: %s\n' "$1" >&2
    exit 1
}

# What is lost: a node with so many customers, whose generation is published.
awk -v rows="$customers" 'BEGIN { for (n = 1; n <= rows; n++)
    printf "{\"id\":\"c-%d\",\"name\":\"Customer %d\",\"phones\":[\"+1480%07d\"],\"attributes\":{\"email\":\"customer%d@example.org\",\"city\":\"Amsterdam\"}}\n", n, n, 2000000 + n, n }' \
    >"$work/customers.ndjson"
"$ringside" snapshot build --json --input "$work/customers.ndjson" --format ndjson --out "$work/lost" >/dev/null
rm "$work/customers.ndjson"
began=$(date +%s%3N)
"$ringside" snapshot publish --json --to "$store" --dir "$work/lost" >"$work/published.json"
published=$(($(date +%s%3N) - began))
bytes=$(sed -n 's/.*"bytes":\([0-9]*\).*/\1/p' "$work/published.json")
rm -rf "$work/lost"
printf 'published %s customers, %s bytes, in %s ms\n' "$customers" "$bytes" "$published"

# restore NAME: starts a node without a disk, and says when it answered rightly for the first time, by whom it asks.
restore() {
    local name=$1 began callers admin answer first ready number=4802000007
    shift
    mkdir "$work/$name"
    began=$(date +%s%3N)
    env "$@" RINGSIDE__DATA__DIR="$work/$name/data" RINGSIDE__LISTENER__MAIN__ADDRESS=127.0.0.1:0 \
        RINGSIDE__ADMIN__ADDRESS=127.0.0.1:0 "$ringside" serve >"$work/$name/out" 2>"$work/$name/log" &
    children+=($!)
    # It is killed at the end, which is nothing to be told.
    disown
    until callers=$(sed -n 's|.*listening on http://\([^ ]*\).*|\1|p' "$work/$name/out") && [[ -n "$callers" ]]; do
        kill -0 "${children[-1]}" 2>/dev/null || fail "$name does not start: $(cat "$work/$name/log")"
        sleep 0.01
    done
    admin=$(sed -n 's|.*administration on http://\([^ ]*\).*|\1|p' "$work/$name/out")
    until answer=$(curl -s "http://$callers/v1/lookup?ani=%2B1$number") && [[ "$answer" == *'"Customer 7"'* ]]; do
        kill -0 "${children[-1]}" 2>/dev/null || fail "$name has ended: $(cat "$work/$name/log")"
        [[ $(($(date +%s%3N) - began)) -lt 3600000 ]] || fail "$name does not answer: $answer"
        sleep 0.02
    done
    first=$(($(date +%s%3N) - began))
    until ready=$(curl -s "http://$admin/status" | sed -n 's/.*"ready_after_ms":\([0-9]*\).*/\1/p') && [[ -n "$ready" ]]; do
        kill -0 "${children[-1]}" 2>/dev/null || fail "$name has ended: $(cat "$work/$name/log")"
        [[ $(($(date +%s%3N) - began)) -lt 3600000 ]] || fail "$name does not become ready: $(tail "$work/$name/log")"
        sleep 0.02
    done
    printf '%-28s %12s ms to the first right answer, %s ms to ready\n' "$name" "$first" "$ready"
    peer="http://$admin"
}

restore "from-the-store" RINGSIDE__SNAPSHOTS__STORE="$store" RINGSIDE__HA__NODE=a
restore "from-the-other-node" RINGSIDE__HA__NODE=b RINGSIDE__HA__PEER="$peer"
