import { isDeepStrictEqual } from 'node:util';
import type { DumpManifest } from '#model/dump-manifest';
import { BackupIncomplete } from '#model/failure';
import type { DumpResult } from '#model/task-result';

/**
 * A committed manifest and the result of the task that committed it tell the same.
 * @throws BackupIncomplete naming each field that differs
 */
export function throwDumpContradictions(
  manifest: DumpManifest,
  result: DumpResult,
  asked: { source: string; execution: string },
): void {
  const { dump, kind, databases, rawBytes, storedBytes } = result;
  const told = { source: result.source, dump, kind, databases, rawBytes, storedBytes, execution: asked.execution };
  const found = { ...manifest, databases: manifest.databases.map(({ name }) => name) };
  const wrong = [...differences(told, found), ...differences({ source: asked.source }, found)];
  if (wrong.length === 0) return;
  throw new BackupIncomplete(`dump ${dump} is not what its task says: ${wrong.join('; ')}`, {
    operation: 'confirm dump',
    subject: `${asked.source}/${dump}`,
    hint: 'somebody changed one of the two: take another dump',
  });
}

const differences = (expected: Record<string, unknown>, found: Record<string, unknown>): string[] =>
  Object.entries(expected)
    .filter(([name, value]) => !isDeepStrictEqual(found[name], value))
    .map(([name, value]) => `${name} is ${JSON.stringify(found[name])}, expected ${JSON.stringify(value)}`);
