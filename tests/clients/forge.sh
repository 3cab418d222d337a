#!/usr/bin/env bash
# foundry's `forge` against a development node: forge.sh HTTP_URL. The compiler is the npm package's, behind solc.mjs.
cd "$(dirname "$0")/forge" && . ../report.sh
export FOUNDRY_OFFLINE=true KEY=0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6
# Of the packages for this platform: the launchers of the general ones swallow the exit status.
forge() { ../node_modules/@foundry-rs/forge-*/bin/forge "$@"; }
cast() { ../node_modules/@foundry-rs/cast-*/bin/cast "$@" --rpc-url "$url"; }
url=$1
rm -rf broadcast cache out

compiles() {
  forge build --use ../solc.mjs
}
step 'compiles with the npm compiler' compiles

creates() {
  local address
  address=$(forge create --use ../solc.mjs --rpc-url "$url" --private-key "$KEY" --broadcast --json src/Token.sol:Token --constructor-args 5000 |
    node -p 'const text = require("fs").readFileSync(0, "utf8"); JSON.parse(text.slice(text.indexOf("{"))).deployedTo')
  equal "$(cast call "$address" 'totalSupply()(uint256)' | cut -d' ' -f1)" 5000
}
step 'deploys with forge create' creates

script() {
  forge script --use ../solc.mjs script/Use.s.sol:Use --rpc-url "$url" --broadcast
  node -e '
    const chain = process.argv[1];
    const run = JSON.parse(require("fs").readFileSync(`broadcast/Use.s.sol/${chain}/run-latest.json`));
    if (run.receipts.length !== 3 || run.receipts.some(receipt => receipt.status !== "0x1")) throw new Error(JSON.stringify(run.receipts));
    console.log(run.receipts[0].contractAddress);' "$(cast chain-id)" > cache/address
  equal "$(cast call "$(cat cache/address)" 'balanceOf(address)(uint256)' 0x000000000000000000000000000000000000F0F0 | cut -d' ' -f1)" 17
  equal "$(cast call "$(cat cache/address)" 'totalSupply()(uint256)' | cut -d' ' -f1)" 1000000000000000000000
}
step 'deploys and uses a token with forge script --broadcast' script

finish
