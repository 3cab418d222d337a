#!/usr/bin/env bash
# seeds.sh FOLDER: what fuzzing starts from, one folder a target, out of the ready models and their payloads.
set -euo pipefail
cd "$(dirname "$0")/.."
seeds=$1
mkdir -p "$seeds"/{genesis,agreement,payload,mapping,evidence}

# Hexadecimal digits to bytes.
bytes() {
  tr -d '[:space:]' | sed 's/^0x//; s/../\\x&/g' | { read -r escaped || true; printf '%b' "$escaped"; }
}

# Payloads as they arrive: text as it is, binary from its hexadecimal digits.
payload_of() {
  if [ -f "$1.payload.hex" ]; then bytes < "$1.payload.hex"; else cat "$1".payload.*; fi
}

# The order of `Format::ALL`.
formats=(Json Cbor SenmlJson SenmlCbor Binary Epcis AbiEvent AbiCall)
for document in contracts/models/*/*.mapping.json; do
  stem=${document%.mapping.json}
  name=$(basename "$stem")
  payload_of "$stem" > "$seeds/payload/$name"
  for index in "${!formats[@]}"; do
    grep -q "\"format\": \"${formats[$index]}\"" "$document" || continue
    # A byte for the format, two for the length of the document.
    { printf '%02x%04x' "$index" "$(stat -c %s "$document")" | bytes; cat "$document"; payload_of "$stem"; } \
      > "$seeds/mapping/$name"
  done
done
printf '{"config":{"chainId":1337,"londonBlock":0,"shanghaiTime":0},"gasLimit":"0x1c9c380","difficulty":"0x0","alloc":{}}' \
  > "$seeds/genesis/small"
