#!/usr/bin/env bash
# Runs the shell blocks marked `sh,test` in README.md and docs/ against a development node, a fresh one for each file.
#
#   docs/test-commands.sh [PERVADE]        PERVADE: the binary (default: target/debug/pervade)
#
# The documents say localhost:8545; a free port takes its place here. Beside a file's blocks are the repository's folder
# `contracts` and what the clients' tests installed (tests/clients/run.sh): npm packages, and Python with web3.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
binary=$(realpath "${1:-$root/target/debug/pervade}")
work=$(mktemp -d)
node=
stop_node() {
    if [ -n "$node" ]; then kill "$node" 2>/dev/null && wait "$node" 2>/dev/null || true; node=; fi
}
trap 'stop_node; rm -rf "$work"' EXIT
mkdir "$work/bin"
ln -s "$binary" "$work/bin/pervade"
venv=${PERVADE_CLIENTS_VENV:-$root/tests/clients/.venv}
export PATH="$work/bin:$venv/bin:$PATH"

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

start_node() {
    pervade node --dev --dev.period 0 --http.port "$1" --ws.port "$1" >"$work/node.log" 2>&1 &
    node=$!
    for _ in $(seq 100); do
        curl -sf "http://127.0.0.1:$1/ready" >/dev/null && return
        kill -0 "$node" 2>/dev/null || break
        sleep 0.1
    done
    echo "the node did not start:" && cat "$work/node.log" && exit 1
}

failed=0 blocks=0
for file in "$root/README.md" $(find "$root/docs" -name '*.md' | sort); do
    grep -q '^```sh,test' "$file" || continue
    port=$(free_port)
    start_node "$port"
    folder=$(mktemp -d -p "$work")
    ln -s "$root/contracts" "$folder/contracts"
    ln -s "$root/tests/clients/node_modules" "$folder/node_modules"
    script="$folder/block.sh"
    count=$(grep -c '^```sh,test' "$file")
    for index in $(seq "$count"); do
        blocks=$((blocks + 1))
        awk -v want="$index" '/^```sh,test/ { seen++; inside = (seen == want); next } /^```/ { inside = 0 } inside' "$file" |
            sed "s/localhost:8545/127.0.0.1:$port/g" >"$script"
        if (cd "$folder" && bash -euo pipefail "$script" >"$folder/output" 2>&1); then
            echo "ok      ${file#"$root"/} block $index"
        else
            failed=$((failed + 1))
            echo "FAILED  ${file#"$root"/} block $index" && cat "$script" "$folder/output"
        fi
    done
    stop_node
done
echo "$blocks blocks run, $failed failed"
[ "$blocks" -gt 0 ] && [ "$failed" -eq 0 ]
