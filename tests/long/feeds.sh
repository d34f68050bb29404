#!/usr/bin/env bash
# Real systems of record, longer than tests/all has time for: RINGSIDE_TRIALS hand-overs from copy to stream under
# concurrent writers (25), RINGSIDE_CUT_S seconds without a network (60), a burst of RINGSIDE_BURST rows (1,000,000). Needs
# root where servers have to be installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

for script in tests/servers/install/*.sh; do
    "$script" >/dev/null
done
export RINGSIDE_TRIALS="${RINGSIDE_TRIALS:-25}"
export RINGSIDE_CUT_S="${RINGSIDE_CUT_S:-60}"
export RINGSIDE_BURST="${RINGSIDE_BURST:-1000000}"
cargo build --release --locked
cargo test --release --locked -p servers -- --nocapture "$@"
