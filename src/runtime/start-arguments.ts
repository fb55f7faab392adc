import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * With what a server was started the last time: packages keep postgresql.conf elsewhere and say so on the command line. A
 * data directory that was copied brings the other one's; that, and one that cannot be read, does not count.
 * Source: https://www.postgresql.org/docs/current/storage-file-layout.html, postmaster.opts
 */
export async function startArguments(dataDir: string): Promise<string[]> {
  const plain = ['-D', dataDir];
  const options = await readFile(join(dataDir, 'postmaster.opts'), 'utf8').catch(() => undefined);
  if (options === undefined) return plain;
  const args = parseOptions(options);
  const named = args[args.indexOf('-D') + 1];
  if (!args.includes('-D') || named === undefined || args.includes('--single')) return plain;
  return (await sameFolder(named, dataDir)) ? args : plain;
}

/** `/usr/bin/postgres "-D" "/data" "-c" "port=1"`: the program as it is, then each argument in quotes. */
export const parseOptions = (line: string): string[] => [...line.matchAll(/ "([^"\n]*)"/g)].map(([, text]) => text!);

const sameFolder = async (a: string, b: string): Promise<boolean> =>
  (await realpath(a).catch(() => undefined)) === (await realpath(b));
