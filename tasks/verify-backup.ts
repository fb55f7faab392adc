import { setImmediate as turn } from 'node:timers/promises';
import { coveredUntil } from '#catalog/wal-coverage';
import { readInventory } from '#catalog/wal-inventory';
import { Failure, WalBroken } from '#model/failure';
import { formatLsn } from '#model/lsn';
import { type Manifest, startLsn, stopLsn } from '#model/manifest';
import { run } from '#pipeline/run';
import type { PartRecord } from '#pipeline/write-parts';
import { openBackup, type Vault } from '#recovery/open-backup';
import { WalReader } from '#recovery/read-wal';
import { pathTo } from '#recovery/recovery-facts';
import { scanWal } from '#recovery/scan-wal';
import { PartWorkers } from './part-workers.ts';

export interface VerifyWork {
  vault: Vault;
  location: string;
  environment: Readonly<Record<string, string | undefined>>;
  manifest: Manifest;
  workers: number;
  signal: AbortSignal;
  /** raw bytes read back */
  onBytes(bytes: number): void;
}

export interface Verification {
  backup: string;
  ok: boolean;
  parts: number;
  /** what is wrong, in words */
  damage: string[];
}

/**
 * Read back everything that a restore of this backup to its own end needs, and compare it with what was written:
 * index, PostgreSQL's manifest, every part, and the WAL between start and stop. Damage is an answer; what kept us
 * from looking is thrown.
 */
export async function verifyBackup(work: VerifyWork): Promise<Verification> {
  const { vault, manifest, signal } = work;
  const backup = openBackup(vault, manifest);
  const damage: string[] = [];
  await backup.dataKey();
  await noteDamage(damage, async () => {
    for await (const _ of backup.serverManifest()) signal.throwIfAborted();
  });
  const parts: PartRecord[] = [];
  await noteDamage(damage, async () => {
    for await (const part of backup.parts()) parts.push(part);
  });
  await readParts(work, parts, damage);
  await noteDamage(damage, () => checkWal(work));
  return { backup: manifest.backup, ok: damage.length === 0, parts: parts.length, damage };
}

async function readParts(work: VerifyWork, parts: readonly PartRecord[], damage: string[]): Promise<void> {
  const { location, environment, vault, onBytes } = work;
  const options = { width: work.workers, vault, location, environment, target: undefined, onBytes };
  const workers = new PartWorkers(options);
  const queue = parts.values();
  try {
    await run(work.signal, (signal) =>
      Array.from({ length: work.workers }, async () => {
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

async function noteDamage(damage: string[], look: () => Promise<unknown>): Promise<void> {
  try {
    await look();
  } catch (failure) {
    if (!isDamage(failure)) throw failure;
    damage.push(failure.message);
  }
}

const damageNames = new Set(['ObjectDamaged', 'ObjectMissing', 'WalBroken']);

const isDamage = (failure: unknown): failure is Failure => failure instanceof Failure && damageNames.has(failure.name);

/** The WAL without which the copy never becomes consistent: there, and readable record by record. */
async function checkWal({ vault, manifest, signal }: VerifyWork): Promise<void> {
  const { source, backup } = manifest;
  const { systemId, segmentSize } = manifest.server;
  const reader = new WalReader(vault.store, vault.keyRing);
  const from = startLsn(manifest);
  const until = stopLsn(manifest);
  const inventory = await readInventory(vault.store, reader, source, systemId, { from, segmentSize, signal });
  const path = pathTo(inventory, manifest.stop.timeline);
  const covered = coveredUntil(inventory, path, from);
  if (covered.until < until) {
    throw brokenWal(
      backup,
      `stored from ${formatLsn(from)} to ${formatLsn(covered.until)}, needed to ${formatLsn(until)}`,
    );
  }
  const archive = { store: vault.store, reader, source, systemId, segmentSize };
  const read = await scanWal({ archive, path, from, until, signal, verifyCrc: 'all', onRecord: () => undefined });
  if (read.ended === 'invalid record') throw brokenWal(backup, `${formatLsn(read.at)}: ${read.reason}`);
}

const brokenWal = (backup: string, what: string): WalBroken =>
  new WalBroken(`the WAL of ${backup} is not complete: ${what}`, { operation: 'verify', subject: backup });
