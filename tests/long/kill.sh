#!/usr/bin/env bash
# A service that is killed a thousand times while changes come in, beside an oracle of versions. RINGSIDE_KILLS sets how
# many times, RINGSIDE_SEED which.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

RINGSIDE_KILLS="${RINGSIDE_KILLS:-1000}" cargo test --release --locked --test feeds kill -- --nocapture
