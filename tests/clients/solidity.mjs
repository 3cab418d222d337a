// The compiler of the npm package `solc`.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const solc = createRequire(import.meta.url)('solc');

/// Compiles the contract that a file is named after. `folder` is a URL; imports are relative to their file. A warning of
/// the compiler is an error here, unless it is of one of these numbers.
export function compile(folder, file, { evmVersion = 'cancun', allowed = [] } = {}) {
  const root = new URL('../../', import.meta.url);
  const name = path.relative(root.pathname, new URL(file, folder).pathname);
  const input = {
    language: 'Solidity',
    sources: { [name]: { content: readFileSync(new URL(name, root), 'utf8') } },
    settings: {
      optimizer: { enabled: true, runs: 200 },
      evmVersion,
      metadata: { bytecodeHash: 'none', appendCBOR: false },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
    },
  };
  const read = (imported) => ({ contents: readFileSync(new URL(imported, root), 'utf8') });
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  const errors = (output.errors ?? []).filter((error) => !allowed.includes(error.errorCode));
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join('\n'));
  const { abi, evm } = output.contracts[name][path.basename(file, '.sol')];
  return { abi, bytecode: '0x' + evm.bytecode.object, deployed: '0x' + evm.deployedBytecode.object };
}
