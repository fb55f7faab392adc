import { recordProof, recordVerification } from '#catalog/proofs';
import { gatherRetentionFacts } from '#catalog/retention-facts';
import { putRetentionPlan } from '#catalog/retention-plan';
import { putVerified, versionOf } from '#catalog/verified';
import { executionArn } from '#model/arn';
import type { BackupKind } from '#model/backup-id';
import type { Manifest } from '#model/manifest';
import { parseObjectKey } from '#model/object-key';
import { planPurge } from '#model/purge';
import { planRetention } from '#model/retention';
import { chooseRetention } from '#model/retention-choice';
import type { ExpireResult, RetentionPlan } from '#model/retention-record';
import { readBack } from '#recovery/read-back';
import { taskResultKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { task as expireTask } from '#tasks/expire-task';
import type { JobWorld } from '#tasks/task';
import type { StoredSource } from './stored-source.ts';

/** All WAL that was put is read back, as the checksum-verifier does it; manifests are said to have been. */
export async function readAllBack({ store, now, name }: StoredSource): Promise<void> {
  for await (const { key, etag, size, lastModified } of store.list(`${name}/`)) {
    const object = parseObjectKey(key);
    if (object?.kind === 'manifest') {
      await putVerified(store, {
        ...{ format: 'lifeboat-verified/1', source: name, key, version: versionOf(etag), sizeBytes: size },
        ...{ storedAt: lastModified.toISOString(), ok: true, damage: [], wal: null, history: null },
        at: now.toISOString(),
      });
    } else if (object) await readBack({ store, keyRing: undefined }, object, { now: () => now, signal: neverAborted });
  }
}

const neverAborted = new AbortController().signal;

/** The backup was read back, and restored for a look: it is proven. */
export async function proveBackup({ store, now }: StoredSource, { source, backup }: Manifest): Promise<void> {
  const at = now.toISOString();
  await recordVerification(store, { source, backup, ok: true, damage: [], at, execution: null, durationMs: 1 });
  await recordProof(store, {
    ...{ format: 'lifeboat-proof/1', source, backup, chain: [backup], target: 'its end' },
    ...{ verdict: 'proven', ok: true, reached: null, checks: [], rawBytes: 1, walBytes: 1, failure: null },
    durationsMs: { files: 1, replay: 1, checks: 1 },
    execution: `drill ${backup}`,
    startedAt: now.toISOString(),
    finishedAt: now.toISOString(),
  });
}

/** A backup a day, by default each third one full, with WAL between them that was read back; all of them proven. */
export async function storeHistory(
  source: StoredSource,
  days: number,
  kinds: readonly BackupKind[] = ['full', 'incr', 'incr'],
): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for (let day = 0; day < days; day++) {
    const kind = kinds[day % kinds.length]!;
    const begun = source.now.getTime();
    const parent = kind === 'incr' ? { parent: manifests.at(-1)! } : {};
    const manifest = await source.backup({ kind, ...parent });
    manifests.push(manifest);
    await source.commit();
    await source.fillSegment();
    await source.commit();
    await proveBackup(source, manifest);
    source.pass(24 * 60 - (source.now.getTime() - begun) / 60_000);
  }
  await readAllBack(source);
  return manifests;
}

/** What plan-retention does. */
export async function planAndPut(source: StoredSource, execution: string): Promise<RetentionPlan> {
  const { rules } = chooseRetention(source.plan, source.name);
  const facts = await gatherRetentionFacts(source.store, source.plan, source.name, source.now);
  return putRetentionPlan(source.store, planKeyOf(execution), planRetention(facts, rules, source.now));
}

/** The same of a purge. */
export async function planPurgeAndPut(source: StoredSource, execution: string): Promise<RetentionPlan> {
  const facts = await gatherRetentionFacts(source.store, source.plan, source.name, source.now, { purge: true });
  return putRetentionPlan(source.store, planKeyOf(execution), planPurge(facts, 'it is retired', source.now));
}

export const planKeyOf = (execution: string): string => taskResultKey('retention', execution, 'plan');

/** The task `expire` in this process, on a store that the test may have changed. */
export async function performExpire(
  source: StoredSource,
  {
    execution,
    planHash,
    of = source.name,
    store = source.store,
    signal = neverAborted,
  }: {
    execution: string;
    planHash: string;
    /** another source of the plan */
    of?: string;
    store?: ObjectStore;
    signal?: AbortSignal;
  },
): Promise<ExpireResult> {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const world: JobWorld = {
    ...{ plan: source.plan, planPath: 'plan.yml', vault: { store, keyRing: undefined }, environment: {} },
    ...{ startedAt: source.now, now: () => source.now, signal, log, alive: () => undefined },
    call: {
      execution: executionArn('retention', execution),
      executionName: execution,
      step: 'expire',
      resultKey: taskResultKey('retention', execution, 'expire'),
    },
  };
  const input = { source: of, planKey: planKeyOf(execution), planHash };
  return (await expireTask.run(input, world)) as ExpireResult;
}
