import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { ranFromCopy } from './harness/reachable-checkout.ts';

/** All tests, or those whose files are named; the runner's own report and exit code. */
if (!(await ranFromCopy(import.meta.filename))) {
  const files = process.argv.slice(2);
  const patterns = files.length > 0 ? files : ['test/**/*.test.ts'];
  const concurrency = `--test-concurrency=${Math.max(2, availableParallelism())}`;
  // Far more than anything takes: what hangs fails, and the others are still told.
  const timeout = '--test-timeout=600000';
  // what functions log is not what a test's reader looks for
  const env = { POWERTOOLS_LOG_LEVEL: 'SILENT', ...process.env };
  const child = spawn(process.execPath, ['--test', concurrency, timeout, ...patterns], { stdio: 'inherit', env });
  const [code, signal] = await once(child, 'exit');
  process.exitCode = signal === null ? code : 1;
}
