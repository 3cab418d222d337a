#!/usr/bin/env bash
# Runs unmodified clients against a fresh development node and prints `N passed, N failed`.
#
#   run.sh PERVADE_BINARY            starts `PERVADE_BINARY node --dev` on free ports
#   run.sh --url HTTP_URL WS_URL     uses a node that runs already (its accounts must be the development ones)
#
# Installs the clients first: npm packages from package-lock.json, Python packages into a virtual environment in
# $PERVADE_CLIENTS_VENV (default: .venv beside this file).
set -euo pipefail
cd "$(dirname "$0")"
venv=${PERVADE_CLIENTS_VENV:-$PWD/.venv}

install() {
  # Installed is what the same lists installed before: git sets times as it likes.
  if ! cmp --silent package-lock.json node_modules/.installed; then
    npm ci --silent --ignore-scripts || npm ci --ignore-scripts
    cp package-lock.json node_modules/.installed
  fi
  if ! cmp --silent requirements.txt "$venv/.installed"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement requirements.txt
    cp requirements.txt "$venv/.installed"
  fi
}

start() {
  local ports
  read -r -a ports < <(node -e '
    const net = require("net");
    const servers = [net.createServer(), net.createServer()];
    Promise.all(servers.map(server => new Promise(done => server.listen(0, "127.0.0.1", () => done(server.address().port)))))
      .then(ports => { console.log(ports.join(" ")); servers.forEach(server => server.close()); });')
  http=http://127.0.0.1:${ports[0]}
  ws=ws://127.0.0.1:${ports[1]}
  folder=$(mktemp -d)
  "$1" node --dev --datadir "$folder/data" --http.port "${ports[0]}" --ws.port "${ports[1]}" > "$folder/log" 2>&1 &
  node=$!
  trap 'kill "$node" 2>/dev/null || true; wait "$node" 2>/dev/null || true; rm -rf "$folder"' EXIT
  for _ in $(seq 300); do
    curl --silent --fail --output /dev/null --header 'content-type: application/json' \
      --data '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}' "$http" && return
    kill -0 "$node" 2>/dev/null || break
    sleep 0.1
  done
  echo "the node does not answer:"
  tail -20 "$folder/log"
  exit 1
}

install
if [ "${1:-}" = --url ]; then
  http=$2
  ws=$3
else
  start "$(realpath "$1")"
fi

passed=0
failed=0
# client NAME COMMAND...
client() {
  local name=$1 output status line
  shift
  echo "== $name"
  # Every client ends with a line of its own counts; one that does not has died.
  output=$(timeout 300 "$@" 2>&1) && status=0 || status=$?
  echo "$output"
  line=$(tail -1 <<<"$output")
  if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    passed=$((passed + BASH_REMATCH[1]))
    failed=$((failed + BASH_REMATCH[2]))
  else
    echo "$name ended early with status $status"
    failed=$((failed + 1))
  fi
}

client ethers node ethers.mjs "$http" "$ws"
client viem node viem.mjs "$http" "$ws"
client contracts node contracts.mjs "$http" "$ws"
client system node system.mjs "$http" "$ws"
client web3.py "$venv/bin/python" web3py.py "$http" "$ws"
client cast ./cast.sh "$http" "$ws"
client forge ./forge.sh "$http"

if [ -n "${node:-}" ] && ! kill -0 "$node" 2>/dev/null; then
  echo "the node died:"
  tail -20 "$folder/log"
  failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
