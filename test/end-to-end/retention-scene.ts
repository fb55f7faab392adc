import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { committedBackups, rebuildCatalog } from '#catalog/backups';
import { rebuildDumps } from '#catalog/dumps';
import { rebuildStanding, recordProof, recordVerification } from '#catalog/proofs';
import { rebuildVerifiedWal } from '#catalog/wal-projection';
import { type Mark, mark, markSettings } from '#harness/marked-commits';
import type { Installation } from '#harness/postgres-installations';
import { ProtectedSource } from '#harness/protected-source';
import { executionArn } from '#model/arn';
import type { BackupId, BackupKind } from '#model/backup-id';
import type { Manifest } from '#model/manifest';
import { parseObjectKey } from '#model/object-key';
import { readBack } from '#recovery/read-back';
import { provideWorld } from '#runtime/function-world';
import { loadPlan } from '#runtime/load-plan';
import { openBucket } from '#runtime/open-bucket';
import { taskResultKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';
import { collectWal } from '#tasks/collect-wal';
import { performTask } from '#tasks/perform-task';

process.env.POWERTOOLS_LOG_LEVEL ??= 'SILENT';
const { handler: planRetention } = await import('#functions/plan-retention');
const { handler: checkRetention } = await import('#functions/check-retention');

export interface Lived {
  source: ProtectedSource;
  /** in the order of their times; rows from 101 on are on timeline 2, behind row 5 */
  marks: Mark[];
  backups: Manifest[];
}

/**
 * full — 2 3 — incremental — 4 5 6 — full — 7 8 9; then back to row 5, and from there on timeline 2:
 * 101 102 — full — 103 104 — incremental — 105 106. Servers before 17 take full backups instead.
 */
export async function live(installation: Installation): Promise<Lived> {
  const source = await ProtectedSource.create(installation, {
    initdb: ['--wal-segsize=1'],
    settings: { ...markSettings, archive_mode: 'on', archive_command: '/bin/true' },
  });
  const marks: Mark[] = [];
  const backups: Manifest[] = [];
  let { server } = source;
  const commit = async (...rows: number[]) => {
    for (const row of rows) marks.push(await mark(server, row));
  };
  const backUp = async (kind: BackupKind) => {
    const { connection } = server;
    const wal = collectWal({ source: 'orders', ...source.vault, connection, level: 1 });
    const able = installation.major >= 17 ? kind : 'full';
    backups.push((await source.backup(able, { connection, wal })).manifest);
  };
  const first = await source.receive();
  await commit(1);
  await backUp('full');
  await commit(2, 3);
  await backUp('incr');
  await commit(4, 5, 6);
  await backUp('full');
  await commit(7, 8, 9);
  await first.hasStored();
  await first.end();
  await server.stop();
  ({ server } = await source.restore({ xid: marks.find(({ row }) => row === 5)!.xid }));
  await server.start();
  const second = await source.receive(server, 'lifeboat_2');
  await commit(101, 102);
  await backUp('full');
  await commit(103, 104);
  await backUp('incr');
  await commit(105, 106);
  await second.hasStored();
  await second.end();
  await server.stop();
  return { source, marks, backups };
}

/** What the functions do with each object that arrives, and drills with each backup. */
export async function readBackAndProve(vault: ProtectedSource['vault'], backups: readonly Manifest[]): Promise<void> {
  const signal = new AbortController().signal;
  for await (const { key } of vault.store.list('orders/')) {
    const object = parseObjectKey(key);
    if (!object) continue;
    const { ok, damage } = await readBack(vault, object, { now: () => new Date(), signal });
    if (!ok) throw new Error(damage.join('\n'));
  }
  await rebuildCatalog(vault.store, 'orders');
  for (const { source, backup, finishedAt: at } of backups) {
    await recordVerification(vault.store, { source, backup, ok: true, damage: [], at, execution: null, durationMs: 1 });
    await recordProof(vault.store, {
      ...{ format: 'lifeboat-proof/1', source, backup, chain: [backup], target: 'its end', reached: null },
      ...{ verdict: 'proven', ok: true, checks: [], rawBytes: 1, walBytes: 1, failure: null },
      ...{ durationsMs: { files: 1, replay: 1, checks: 1 }, execution: 'drill' },
      ...{ startedAt: at, finishedAt: at },
    });
  }
}

export interface Expiring {
  planPath: string;
  environment: Record<string, string>;
  now: Date;
}

export interface Expired {
  /** of the task that deletes */
  exitCode: number;
  log: string;
  /** what was deleted, in words; empty where the task failed */
  told: string;
}

/** Plan, delete and check, as the machine does it, at another time. */
export async function expireAt({ planPath, environment, now }: Expiring): Promise<Expired> {
  const plan = await loadPlan(planPath, { environment, cwd: dirname(planPath) });
  const vault = await openBucket(plan, environment);
  provideWorld({ plan, vault, environment, now: () => now });
  const name = randomUUID();
  const execution = executionArn('retention', name);
  const resultKey = taskResultKey('retention', name, 'expire');
  const asked = { source: 'orders', requestedBy: 'test', most: true };
  const { planKey, planHash } = await planRetention({ input: asked, execution }, context);
  const lines: string[] = [];
  const exitCode = await performTask('expire', {
    environment: {
      ...environment,
      ...{ LIFEBOAT_PLAN: planPath, LIFEBOAT_EXECUTION: execution, LIFEBOAT_RESULT: resultKey },
      LIFEBOAT_INPUT: JSON.stringify({ source: 'orders', planKey, planHash }),
    },
    cwd: dirname(planPath),
    signal: new AbortController().signal,
    now: () => now,
    write: (line) => lines.push(line),
  });
  const log = lines.join('\n');
  if (exitCode !== 0) return { exitCode, log, told: '' };
  const since = now.toISOString();
  const { told } = await checkRetention({ source: 'orders', planKey, planHash, resultKey, since }, context);
  return { exitCode, log, told };
}

const context = { functionName: 'test', awsRequestId: 'test' } as never;

/** What is said of the bucket, as it stands and as it would be said anew. */
export async function projections(store: ObjectStore): Promise<{ said: unknown; anew: unknown }> {
  const said = await readProjections(store);
  await rebuildCatalog(store, 'orders');
  await rebuildStanding(store, 'orders');
  await rebuildVerifiedWal(store, 'orders');
  await rebuildDumps(store, 'orders');
  return { said, anew: await readProjections(store) };
}

const readProjections = (store: ObjectStore): Promise<unknown[]> =>
  Promise.all(
    ['backups', 'standing', 'wal'].map(async (name) =>
      JSON.parse(String(await readObject(store, `catalog/orders/${name}.json`, { maxBytes: 10_000_000 }))),
    ),
  );

/** The plan of a source with a window of a day, for wherever its bucket is. */
export const planWith = (source: ProtectedSource, bucket: string): string =>
  `${readFileSync(source.planPath, 'utf8').replace(/^bucket: .*$/m, `bucket: ${bucket}`)}retention: { window: 1d }\n`;

/** What is committed, by the manifests alone. */
export const idsIn = async (store: ObjectStore): Promise<BackupId[]> =>
  (await committedBackups(store, 'orders')).map(({ backup }) => backup);
