#!/usr/bin/env node
// Compiles contracts whose code is committed so that Rust tests need no compiler. `--check` only compares.
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const solc = createRequire(import.meta.url)('solc');
const target = new URL('../contracts/', import.meta.url);
const library = new URL('../../contracts/', import.meta.url);

function compile(folder, file, evmVersion = 'cancun') {
  const input = {
    language: 'Solidity',
    sources: { [file]: { content: readFileSync(new URL(file, folder), 'utf8') } },
    settings: {
      optimizer: { enabled: true, runs: 200 },
      evmVersion,
      metadata: { bytecodeHash: 'none', appendCBOR: false },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
    },
  };
  const read = (name) => ({ contents: readFileSync(new URL(name, folder), 'utf8') });
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  for (const error of output.errors ?? []) console.error(error.formattedMessage);
  return output.contracts[file][path.basename(file, '.sol')];
}

// As JSON with the ABI; code of what is there from the beginning; code of what a transaction creates.
const token = compile(target, 'Token.sol');
const json = { abi: token.abi, bytecode: '0x' + token.evm.bytecode.object };
const outputs = {
  'Token.json': JSON.stringify(json, null, 1) + '\n',
  'StoredBytes.hex': compile(target, 'StoredBytes.sol').evm.deployedBytecode.object + '\n',
  'MyContractDB.hex': compile(library, 'examples/MyContractDB.sol').evm.bytecode.object + '\n',
  'MyContractDBV2.hex': compile(library, 'examples/MyContractDBV2.sol').evm.bytecode.object + '\n',
};
for (const [name, text] of Object.entries(outputs)) {
  const file = new URL(name, target);
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text) throw new Error(`${name} is older than its source: run compile.mjs`);
}
