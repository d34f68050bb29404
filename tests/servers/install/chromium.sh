#!/bin/sh
# Installs what looks at the agents' page where it is missing: Chromium with its driver and Noto's fonts (Latin, Hebrew,
# Arabic) of Debian, and below target/servers axe-core, pinned by its checksum. Prints where axe-core's script is. Needs root
# where it has to install packages.
set -eu
cd "$(dirname "$0")/../../.."
missing=""
command -v chromium >/dev/null || missing="$missing chromium"
command -v chromedriver >/dev/null || missing="$missing chromium-driver"
[ -e /usr/share/fonts/truetype/noto/NotoSans-Regular.ttf ] || missing="$missing fonts-noto-core"
command -v curl >/dev/null || missing="$missing curl ca-certificates"
if [ -n "$missing" ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "run this as root, or install the packages$missing" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2
    # shellcheck disable=SC2086
    apt-get install --yes -qq --no-install-recommends $missing >&2
fi

# Its licence (MPL 2.0) allows to run it, and nothing of it is kept in the repository.
axe=4.14.1
checksum=e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745
servers="${CARGO_TARGET_DIR:-target}/servers"
mkdir -p "$servers"
folder="$(cd "$servers" && pwd)/axe-core-$axe"
if [ ! -s "$folder/axe.min.js" ]; then
    work="$(mktemp -d "$servers/fetching.XXXXXX")"
    trap 'rm -rf "$work"' EXIT
    curl --fail --silent --show-error --location --retry 3 --max-time 120 --output "$work/axe.tgz" \
        "https://registry.npmjs.org/axe-core/-/axe-core-$axe.tgz"
    echo "$checksum  $work/axe.tgz" | sha256sum --check --status || {
        echo "axe-core-$axe.tgz: expected the SHA-256 $checksum, found $(sha256sum <"$work/axe.tgz")" >&2
        exit 1
    }
    tar -xzf "$work/axe.tgz" -C "$work" package/axe.min.js
    rm -rf "$folder"
    mv "$work/package" "$folder"
fi
echo "$folder/axe.min.js"
