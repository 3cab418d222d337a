#!/bin/sh
# Installs anvil from npm into a cache folder outside of the repository and prints the path of its binary.
set -eu
version=1.7.1
folder="${XDG_CACHE_HOME:-$HOME/.cache}/pervade/anvil-$version"
find_binary() {
    find "$folder/node_modules/@foundry-rs" -path '*/bin/anvil' -type f 2>/dev/null | head -n 1
}
if [ -z "$(find_binary)" ]; then
    mkdir -p "$folder"
    npm install --prefix "$folder" --no-audit --no-fund --silent "@foundry-rs/anvil@$version" >&2
fi
binary="$(find_binary)"
if [ -z "$binary" ]; then
    echo "@foundry-rs/anvil $version has no binary for this machine" >&2
    exit 1
fi
echo "$binary"
