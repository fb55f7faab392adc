import { readFile, realpath } from 'node:fs/promises';
import { isAbsolute, join, resolve, sep } from 'node:path';

/**
 * With what a server was started the last time: packages keep postgresql.conf elsewhere and say so on the command line. A
 * data directory that was copied brings the other one's; that, and one that cannot be read, does not count. Paths that were
 * relative to where it was started from come back absolute: nobody is there again.
 * Source: https://www.postgresql.org/docs/current/storage-file-layout.html, postmaster.opts
 */
export async function startArguments(dataDir: string): Promise<string[]> {
  const plain = ['-D', dataDir];
  const options = await readFile(join(dataDir, 'postmaster.opts'), 'utf8').catch(() => undefined);
  if (options === undefined) return plain;
  const args = parseOptions(options);
  const named = args[args.indexOf('-D') + 1];
  if (!args.includes('-D') || named === undefined || args.includes('--single')) return plain;
  if (isAbsolute(named)) return (await sameFolder(named, dataDir)) ? args : plain;
  const places = [resolve(dataDir), await realpath(dataDir)];
  const from = places.map((place) => startedFrom(named, place)).find((one) => one !== undefined);
  return from ? args.map((word, index) => (args[index - 1] === '-D' ? dataDir : withAbsoluteFile(word, from))) : plain;
}

/** `/usr/bin/postgres "-D" "/data" "-c" "port=1"`: the program as it is, then each argument in quotes. */
export const parseOptions = (line: string): string[] => [...line.matchAll(/ "([^"\n]*)"/g)].map(([, text]) => text!);

const sameFolder = async (a: string, b: string): Promise<boolean> =>
  (await realpath(a).catch(() => undefined)) === (await realpath(b));

/**
 * From where a relative path leads to a place; undefined: from nowhere, it is another one's. Behind `..` it may have been any
 * folder beside it (null).
 */
function startedFrom(relative: string, place: string): { folder: string | null } | undefined {
  const steps = relative.split(sep).filter((step) => step !== '' && step !== '.');
  const inward = steps.slice(steps.lastIndexOf('..') + 1);
  const parts = place.split(sep).filter((part) => part !== '');
  if (inward.some((step, index) => parts.at(index - inward.length) !== step)) return undefined;
  const folder = `${sep}${parts.slice(0, parts.length - inward.length).join(sep)}`;
  return { folder: steps.length === inward.length ? folder : null };
}

/** Those that the server itself takes relative to where it is started from. */
function withAbsoluteFile(word: string, { folder }: { folder: string | null }): string {
  const [, option = '', path = ''] = /^((?:--)?(?:config|hba|ident)[_-]file=)(.+)$/.exec(word) ?? [];
  return option === '' || folder === null || isAbsolute(path) ? word : `${option}${resolve(folder, path)}`;
}
