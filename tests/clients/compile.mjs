#!/usr/bin/env node
// Compiles contracts whose code is committed so that Rust tests need no compiler. `--check` only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { compile } from './solidity.mjs';

const target = new URL('../contracts/', import.meta.url);
const library = new URL('../../contracts/', import.meta.url);
const hex = (code) => code.slice(2) + '\n';

// As JSON with the ABI; code of what is there from the beginning; code of what a transaction creates.
const { abi, bytecode } = compile(target, 'Token.sol');
const outputs = {
  'Token.json': JSON.stringify({ abi, bytecode }, null, 1) + '\n',
  'StoredBytes.hex': hex(compile(target, 'StoredBytes.sol').deployed),
  'MyContractDB.hex': hex(compile(library, 'examples/MyContractDB.sol').bytecode),
  'MyContractDBV2.hex': hex(compile(library, 'examples/MyContractDBV2.sol').bytecode),
  'Shipping.hex': hex(compile(target, 'Shipping.sol').bytecode),
  'Delivery.hex': hex(compile(target, 'Delivery.sol').bytecode),
  'Lockers.hex': hex(compile(target, 'Lockers.sol').bytecode),
  'AssetTracking.hex': hex(compile(library, 'examples/AssetTracking.sol').bytecode),
  'Encounter.hex': hex(compile(library, 'examples/Encounter.sol').bytecode),
  // 5159: it destroys itself on purpose.
  'Hostile.hex': hex(compile(target, 'Hostile.sol', { allowed: ['5159'] }).bytecode),
};
for (const [name, text] of Object.entries(outputs)) {
  const file = new URL(name, target);
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text) throw new Error(`${name} is older than its source: run compile.mjs`);
}
