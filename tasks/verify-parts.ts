import { setImmediate as turn } from 'node:timers/promises';
import { Failure } from '#model/failure';
import { type Manifest, startLsn, stopLsn } from '#model/manifest';
import type { PartRange } from '#model/task-result';
import type { PartRecord } from '#pipeline/part-record';
import { run } from '#pipeline/run';
import { type OpenBackup, openBackup, type Vault } from '#recovery/open-backup';
import { checkWal } from './check-wal.ts';
import { PartWorkers } from './part-workers.ts';

export interface VerifyWork {
  vault: Vault;
  /** where the vault's store is, for the worker processes, which open it themselves */
  location: string;
  environment: Readonly<Record<string, string | undefined>>;
  manifest: Manifest;
  workers: number;
  signal: AbortSignal;
  /** raw bytes read back */
  onBytes(bytes: number): void;
}

/** What of a backup is to be read back. Whatever is in no part is read with the WAL, but for the index. */
export interface Reading {
  parts: PartRange | null;
  wal: boolean;
}

export interface Findings {
  /** how many parts were read */
  parts: number;
  /** what is wrong, in words */
  damage: string[];
}

/** Read back some of a backup and compare it with what was written. Damage is an answer; what kept us from looking is thrown. */
export async function verifyParts(work: VerifyWork, { parts: range, wal }: Reading): Promise<Findings> {
  const { vault, manifest, signal } = work;
  const backup = openBackup(vault, manifest);
  const damage: string[] = [];
  const parts: PartRecord[] = [];
  await backup.dataKey();
  if (wal) {
    await noteDamage(damage, async () => {
      for await (const _ of backup.serverManifest()) signal.throwIfAborted();
    });
  }
  if (range) {
    await noteDamage(damage, () => readIndex(backup, manifest, range, parts));
    await readParts(work, parts, damage);
  }
  if (wal) {
    const [from, until] = [startLsn(manifest), stopLsn(manifest)];
    const stretch = { backup: manifest, timeline: manifest.stop.timeline, from, until };
    await noteDamage(damage, () => checkWal(vault, stretch, signal));
  }
  return { parts: parts.length, damage };
}

/** The index up to the range's end, and to its own end where that is the last part: so all of it is read by somebody. */
async function readIndex(backup: OpenBackup, manifest: Manifest, { from, to }: PartRange, parts: PartRecord[]) {
  let at = 0;
  for await (const part of backup.parts()) {
    if (at >= from && at < to) parts.push(part);
    if (++at === to && to < manifest.parts.length) return;
  }
}

async function readParts(work: VerifyWork, parts: readonly PartRecord[], damage: string[]): Promise<void> {
  const { location, environment, vault, onBytes } = work;
  const width = Math.min(work.workers, parts.length);
  const workers = new PartWorkers({ width, vault, location, environment, target: undefined, onBytes });
  const queue = parts.values();
  try {
    await run(work.signal, (signal) =>
      Array.from({ length: width }, async () => {
        for (const part of queue) {
          signal.throwIfAborted();
          await noteDamage(damage, () => workers.perform(work.manifest, { part, continuation: [] }, signal));
          await turn();
        }
      }),
    );
  } finally {
    await workers.close();
  }
}

/** Do something; that what it looks at is damaged becomes a line. */
export async function noteDamage(damage: string[], look: () => Promise<unknown>): Promise<void> {
  try {
    await look();
  } catch (failure) {
    if (!isDamage(failure)) throw failure;
    damage.push(failure.message);
  }
}

const damageNames = new Set(['ObjectDamaged', 'ObjectMissing', 'WalBroken']);

/** Does it say that what is stored is not what was written, or not there? */
export const isDamage = (failure: unknown): failure is Failure =>
  failure instanceof Failure && damageNames.has(failure.name);
