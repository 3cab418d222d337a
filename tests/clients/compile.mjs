#!/usr/bin/env node
// Compiles ../contracts/Token.sol to ../contracts/Token.json (ABI and creation code), which is committed so that Rust
// tests need no compiler. `--check` only compares.
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';

const solc = createRequire(import.meta.url)('solc');
const folder = new URL('../contracts/', import.meta.url);
const input = {
  language: 'Solidity',
  sources: { 'Token.sol': { content: readFileSync(new URL('Token.sol', folder), 'utf8') } },
  settings: {
    optimizer: { enabled: true, runs: 200 },
    evmVersion: 'cancun',
    metadata: { bytecodeHash: 'none', appendCBOR: false },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
for (const error of output.errors ?? []) console.error(error.formattedMessage);
const { abi, evm } = output.contracts['Token.sol'].Token;
const text = JSON.stringify({ abi, bytecode: '0x' + evm.bytecode.object }, null, 1) + '\n';
const target = new URL('Token.json', folder);
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) throw new Error('Token.json is older than Token.sol: run compile.mjs');
} else {
  writeFileSync(target, text);
}
