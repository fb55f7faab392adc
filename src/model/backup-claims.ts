import { isDeepStrictEqual } from 'node:util';
import { BackupIncomplete } from '#model/failure';
import type { Manifest } from '#model/manifest';
import type { BaseBackupResult } from '#model/task-result';

/**
 * A committed manifest and the result of the task that committed it tell the same.
 * @throws BackupIncomplete naming each field that differs
 */
export function throwContradictions(
  manifest: Manifest,
  result: BaseBackupResult,
  asked: { source: string; execution: string },
): void {
  const { source, backup, kind, parent, rawBytes, storedBytes, start, stop } = result;
  const told = { source, backup, kind, parent, rawBytes, storedBytes, start, stop, execution: asked.execution };
  const parts = {
    source: asked.source,
    rawBytes: sum(manifest.parts.map((part) => part.rawBytes)),
  };
  const wrong = [...differences(told, manifest), ...differences(parts, manifest)];
  if (wrong.length === 0) return;
  throw new BackupIncomplete(`backup ${backup} is not what its task says: ${wrong.join('; ')}`, {
    operation: 'confirm backup',
    subject: `${asked.source}/${backup}`,
    hint: `see with \`lifeboat verify ${backup}\` what is there, and take another backup`,
  });
}

function differences(expected: Record<string, unknown>, manifest: Manifest): string[] {
  const found = manifest as unknown as Record<string, unknown>;
  return Object.entries(expected)
    .filter(([name, value]) => !isDeepStrictEqual(found[name], value))
    .map(([name, value]) => `${name} is ${JSON.stringify(found[name])}, expected ${JSON.stringify(value)}`);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
