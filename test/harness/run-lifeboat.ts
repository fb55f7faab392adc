import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export const lifeboatProgram = fileURLToPath(new URL('../../bin/lifeboat.mjs', import.meta.url));

export interface Ended {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  /** nothing of ours is passed on but PATH */
  env?: Record<string, string>;
  /** another `node` than the one that runs the tests */
  node?: string;
  nodeOptions?: string[];
  /** run as somebody else, where we are root */
  account?: { uid: number; gid: number };
}

/** bin/lifeboat.mjs as a real process. */
export async function runLifeboat(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return startLifeboat(args, options).ended;
}

export function startLifeboat(
  args: readonly string[],
  { cwd = tmpdir(), env = {}, node = process.execPath, nodeOptions = [], account }: RunOptions = {},
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(node, [...nodeOptions, lifeboatProgram, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: cwd, NODE_COMPILE_CACHE: compileCache, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...account,
  });
  const ended = Promise.all([once(child, 'close'), text(child.stdout!), text(child.stderr!)]).then(
    ([[exitCode, signal], stdout, stderr]): Ended => ({ exitCode, signal, stdout, stderr }),
  );
  return { child, ended };
}

/** of this test process alone, so that what is run twice starts faster */
const compileCache = mkdtempSync(join(tmpdir(), 'lifeboat-compile-cache-'));
process.on('exit', () => rmSync(compileCache, { recursive: true, force: true }));
