#!/usr/bin/env node
/*
 * `npm run package` and `npm run deploy`: bundle the functions with the plan beside them, then let the framework make the
 * template, and with deploy the stack. What stands behind `--` are the framework's own options.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exitCodeOf } from '#model/exit-code';
import { Failure } from '#model/failure';
import { packageFunctions } from '#stack/package-functions';
import { stackCommand } from '#stack/stack-command';

const checkout = join(import.meta.dirname, '..');
const [command, ...given] = process.argv.slice(2);

try {
  process.chdir(checkout);
  if (command !== 'package' && command !== 'deploy') throw new Error(`no such command: ${command}`);
  const read = (path: string): string => readFileSync(path, 'utf8');
  const { planPath, bundles, args, warnings } = stackCommand(command, given, { exists: existsSync, read });
  for (const warning of warnings) console.error(`WARNING: ${warning}`);
  console.error(`bundling the functions with ${planPath}`);
  await packageFunctions(planPath, bundles);
  passOn(spawn(process.execPath, ['node_modules/serverless/bin/serverless.js', ...args], { stdio: 'inherit' }));
} catch (error) {
  const { message, hint } = error as Failure;
  console.error(`${command}: ${error instanceof Failure ? message : (error as Error).stack}`);
  if (hint !== undefined) console.error(`HINT: ${hint}`);
  process.exitCode = exitCodeOf(error);
}

/** Signals go to the child, its end becomes ours. */
function passOn(child: ReturnType<typeof spawn>): void {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}
