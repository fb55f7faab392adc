import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

const patienceMs = 5_000;

/** By SIGTERM, with which the programs of PostgreSQL cancel what the server does for them; who does not go is killed. */
export async function terminate(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.stdout?.destroy();
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  await ended.catch(() => undefined); // how it ended does not matter any more
  clearTimeout(timer);
}

/** The last words of a program that fails say why; one that warns of each table would fill the memory. */
const keptLines = 60;
const lineChars = 2_000;

/** Settles when the program has said everything. */
export async function lastLines(stderr: Readable): Promise<string[]> {
  const kept: string[] = [];
  for await (const line of createInterface({ input: stderr })) {
    if (line.trim() === '') continue;
    kept.push(line.slice(0, lineChars));
    if (kept.length > keptLines) kept.shift();
  }
  return kept;
}
