#!/usr/bin/env bash
# A thousand million lookups checked by an oracle of versions, while customers change, overlays are merged and generations
# are swapped. RINGSIDE_READS sets how many.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cargo run --release --locked --quiet -p loadtest -- reads --count "${RINGSIDE_READS:-1000000000}" \
    --folder "${CARGO_TARGET_DIR:-target}/loadtest"
