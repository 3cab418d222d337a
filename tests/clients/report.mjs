// The little test runner that the JavaScript clients share: named steps, in order, each printed; exit status 1 if one
// failed. A step that fails does not hide the next ones unless they need its result.
import assert from 'node:assert/strict';

export { assert };
/// First account of the development mnemonic and others after it.
export const MNEMONIC = 'test test test test test test test test test test test junk';
/// Longest a step may take, milliseconds.
const STEP_MS_MAX = 30_000;

let passed = 0;
let failed = 0;

export async function step(name, body) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${STEP_MS_MAX} ms`)), STEP_MS_MAX);
  });
  try {
    await Promise.race([body(), late]);
    passed += 1;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${error?.stack ?? error}`);
  } finally {
    clearTimeout(timer);
  }
}

export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}

/// Polls until `probe` answers something other than undefined, null or false.
export async function until(what, probe) {
  const end = Date.now() + STEP_MS_MAX;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/// The URLs that the driver passes on the command line.
export function endpoints() {
  const [http, ws] = process.argv.slice(2);
  if (!http || !ws) throw new Error(`usage: ${process.argv[1]} HTTP_URL WS_URL`);
  return { http, ws };
}
