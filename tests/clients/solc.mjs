#!/usr/bin/env node
// A stand-in for the native compiler: answers the two things that forge asks of `solc`, with the compiler of the
// npm package `solc`. forge would otherwise download a binary.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const solc = createRequire(import.meta.url)('solc');
const args = process.argv.slice(2);

if (args.includes('--version')) {
  // solcjs says `0.8.37+commit.abc.Emscripten.clang`; the native binary names its platform there.
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else if (args.includes('--standard-json')) {
  const base = process.cwd();
  const imports = (name) => {
    try {
      return { contents: readFileSync(path.resolve(base, name), 'utf8') };
    } catch (error) {
      return { error: error.message };
    }
  };
  process.stdout.write(solc.compile(readFileSync(0, 'utf8'), { import: imports }));
} else {
  process.stderr.write(`solc.mjs: cannot answer ${args.join(' ')}\n`);
  process.exit(1);
}
