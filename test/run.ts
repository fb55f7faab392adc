import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fromReachableCheckout } from './harness/reachable-checkout.ts';

/** All tests, or those whose files are named; the runner's own report and exit code. */
const files = process.argv.slice(2);
const patterns = files.length > 0 ? files : ['test/**/*.test.ts'];
const concurrency = `--test-concurrency=${Math.max(2, availableParallelism())}`;

process.exitCode = await fromReachableCheckout(async (cwd) => {
  const child = spawn(process.execPath, ['--test', concurrency, ...patterns], { cwd, stdio: 'inherit' });
  const [code, signal] = await once(child, 'exit');
  return signal === null ? code : 1;
});
