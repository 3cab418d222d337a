#!/usr/bin/env bash
# foundry's `cast` against a development node: cast.sh HTTP_URL WS_URL
cd "$(dirname "$0")" && . ./report.sh
export ETH_RPC_URL=$1 FOUNDRY_OFFLINE=true
ws=$2
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
# Of the package for this platform: the launcher of the general one swallows the exit status.
binary=$(echo node_modules/@foundry-rs/cast-*/bin/cast)
cast() { "$binary" "$@"; }
account() { cast wallet "$1" --mnemonic 'test test test test test test test test test test test junk' --mnemonic-index "$2"; }
key() { cast wallet derive-private-key 'test test test test test test test test test test test junk' "$1" 2>/dev/null | grep -oE '0x[0-9a-fA-F]{64}' | tail -1; }
owner_key=$(key 1)
owner=$(cast wallet address --private-key "$owner_key")
stuck_key=$(key 3)
stuck=$(cast wallet address --private-key "$stuck_key")
friend=0x00000000000000000000000000000000000ca570
bytecode=$(node -p 'require("../contracts/Token.json").bytecode')
field() { node -e 'const v = JSON.parse(require("fs").readFileSync(0, "utf8"))[process.argv[1]]; console.log(typeof v === "object" ? JSON.stringify(v) : v)' "$1"; }
# `[1.2e3]`: cast prints a hint behind large numbers.
plain() { cut -d' ' -f1; }

network() {
  equal "$(cast chain-id)" "$(cast rpc eth_chainId | tr -d '"' | cast to-dec)"
  cast client
  [ "$(cast balance "$owner")" != 0 ]
  cast gas-price
  cast block latest --json | field hash
}
step 'reads the network' network

ether() {
  local before receipt
  before=$(cast balance "$friend")
  receipt=$(cast send "$friend" --value 1000 --private-key "$owner_key" --json)
  equal "$(field status <<<"$receipt")" 0x1
  equal "$(field gasUsed <<<"$receipt")" 0x5208
  equal "$(cast balance "$friend")" "$((before + 1000))"
  equal "$(cast receipt "$(field transactionHash <<<"$receipt")" blockNumber)" "$(field blockNumber <<<"$receipt" | cast to-dec)"
  cast tx "$(field transactionHash <<<"$receipt")" --json | field hash
}
step 'sends ether' ether

deploy() {
  local receipt
  receipt=$(cast send --private-key "$owner_key" --json --create "$bytecode$(cast abi-encode 'c(uint256)' 1000000 | cut -c3-)")
  equal "$(field status <<<"$receipt")" 0x1
  field contractAddress <<<"$receipt" > "$state/token"
  equal "$(cast call "$(cat "$state/token")" 'symbol()(string)')" '"PTT"'
}
step 'deploys an ERC-20' deploy
token=$(cat "$state/token" 2>/dev/null || echo "$friend")

transfer() {
  equal "$(cast send "$token" 'transfer(address,uint256)' "$friend" 41 --private-key "$owner_key" --json | field status)" 0x1
  equal "$(cast call "$token" 'balanceOf(address)(uint256)' "$friend" | plain)" 41
}
step 'transfers tokens' transfer

logs() {
  local found
  found=$(cast logs --address "$token" --from-block 0 'Transfer(address indexed,address indexed,uint256)' "$owner" "$friend" --json)
  equal "$(node -p 'JSON.parse(process.argv[1]).map(log => BigInt(log.data)).join()' "$found")" 41
}
step 'reads past logs' logs

estimate() {
  local gas
  gas=$(cast estimate "$token" 'transfer(address,uint256)' "$friend" 1 --from "$owner")
  equal "$(cast send "$token" 'transfer(address,uint256)' "$friend" 1 --gas-limit "$gas" --private-key "$owner_key" --json | field status)" 0x1
  cast access-list "$token" 'totalSupply()' --from "$owner"
}
step 'estimates gas' estimate

revert() {
  local output
  output=$(cast call "$token" 'transfer(address,uint256)' "$friend" 99999999999 --from "$owner" 2>&1) && return 1
  grep -q 'Token: balance too low' <<<"$output" || { echo "$output"; return 1; }
}
step 'shows a revert reason' revert

replace() {
  local nonce price first second
  nonce=$(cast nonce "$stuck")
  price=$(cast gas-price)
  first=$(cast send "$friend" --value 1 --nonce $((nonce + 1)) --gas-limit 21000 --legacy --gas-price $((price * 2)) --private-key "$stuck_key" --async)
  second=$(cast send "$friend" --value 2 --nonce $((nonce + 1)) --gas-limit 21000 --legacy --gas-price $((price * 4)) --private-key "$stuck_key" --async)
  [ "$first" != "$second" ]
  equal "$(cast send "$friend" --value 3 --nonce "$nonce" --legacy --gas-price $((price * 4)) --private-key "$stuck_key" --json | field status)" 0x1
  equal "$(cast receipt "$second" status --json)" true
  equal "$(cast nonce "$stuck")" $((nonce + 2))
  equal "$(cast rpc eth_getTransactionByHash "$first")" null
}
step 'replaces a stuck transaction' replace

socket() {
  # `cast block` through the WebSocket, then a subscription that must print the head made after it.
  equal "$(ETH_RPC_URL=$ws cast chain-id)" "$(cast chain-id)"
  ETH_RPC_URL=$ws timeout 15 "$binary" rpc eth_subscribe newHeads > "$state/subscription"
  grep -q 0x "$state/subscription"
}
step 'speaks WebSocket' socket

proof() {
  cast proof "$token" 2 --block latest | field storageProof > "$state/proof"
  equal "$(node -p 'BigInt(JSON.parse(require("fs").readFileSync(process.argv[1]))[0].value)+""' "$state/proof")" 1000000
  equal "$(cast storage "$token" 2 | cast to-dec)" 1000000
}
step 'gets a proof' proof

finish
