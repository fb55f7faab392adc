import { catalogBackup, commitBackup } from '#catalog/backups';
import { performExpire, planKeyOf } from '#harness/expiring-source';
import type { ScriptedTask } from '#harness/machine-run';

import { storedDump } from '#harness/stored-dump';
import type { StoredSource } from '#harness/stored-source';
import { parseExecutionArn } from '#model/arn';
import { backupId } from '#model/backup-id';
import type { DumpManifest } from '#model/dump-manifest';
import { Failure } from '#model/failure';
import type { Manifest } from '#model/manifest';
import { parseTarget } from '#model/recovery-target';
import type { RestoreRequest } from '#model/restore-request';
import { approvalHash } from '#recovery/approval-hash';
import { preparePlan } from '#recovery/prepare-plan';

/** What a task of the machines does, told without a server. */
export type Script = (task: ScriptedTask, source: StoredSource) => Promise<unknown>;

/** A committed backup that says it has so many GiB in each of its parts. */
export async function largeBackup(source: StoredSource, partsGiB: readonly number[]): Promise<Manifest> {
  const { backup: _, ...small } = await source.backup({ kind: 'full' });
  source.pass(1);
  const parts = partsGiB.map((size, part) => ({
    ...small.parts[0]!,
    name: `base.tar.${part}`,
    part,
    rawBytes: size * 2 ** 30,
  }));
  const manifest: Manifest = { ...small, backup: backupId(source.now, 'full'), parts };
  await commitBackup(source.store, manifest);
  await catalogBackup(source.store, manifest);
  return manifest;
}

/** base-backup: one more committed backup */
export const takes: Script = async (task, source) =>
  task.leave(backupResult(await source.backup({ execution: task.execution, source: task.input.source as string })));

export const backupResult = ({ source, backup, kind, parent, rawBytes, storedBytes, start, stop }: Manifest) => ({
  ...{ source, backup, kind, parent, rawBytes, storedBytes, start, stop },
  fallback: null,
  warnings: [],
  durationMs: 60_000,
});

/** expire: what the task itself does */
export const expires: Script = async (task, source) => {
  const { source: of, planKey, planHash } = task.input as { source: string; planKey: string; planHash: string };
  const { name: execution } = parseExecutionArn(task.execution)!;
  if (planKey !== planKeyOf(execution)) throw new Error(`${planKey} is not of ${execution}`);
  try {
    await task.leave(await performExpire(source, { of, execution, planHash, signal: task.signal }));
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    const { name, message, hint = null, verdict } = failure;
    await task.fail({ name, message, hint, verdict });
  }
};

/** verify-part: what it read had this damage */
export const finds =
  (damage: string[] = []): Script =>
  (task) => {
    const { source, backup, parts, wal } = task.input;
    return task.leave({ source, backup, parts, wal, rawBytes: 3000, damage, durationMs: 5 });
  };

/** drill: a proof, unless `more` says otherwise */
export const shows =
  (more: object = {}): Script =>
  (task, source) =>
    task.leave({
      ...{ source: 'main', backup: task.input.backup, chain: [task.input.backup], target: 'the latest point' },
      ...{ planHash: 'a'.repeat(64), ok: true, verdict: 'proven', failure: null },
      reached: { lsn: '0/300100', time: null, stoppedAt: 'lsn', timeline: 1 },
      checks: [{ check: 'rows', ok: true, detail: '5', durationMs: 1 }],
      durationsMs: { files: 10, replay: 10, checks: 10 },
      ...{ rawBytes: 3000, walBytes: 100 },
      startedAt: source.now.toISOString(),
      finishedAt: source.now.toISOString(),
      ...more,
    });

/** restore: plans again as the task does, and refuses another plan than the approved one */
export const restores: Script = async (task, source) => {
  const { planHash, requestedBy, approvedBy } = task.input;
  const request = task.input.request as unknown as RestoreRequest;
  const signal = new AbortController().signal;
  const { plan, hash } = await preparePlan(source.world.vault, request.source, parseTarget(request.target), signal);
  if (approvalHash(hash, request) !== planHash)
    return task.fail({ name: 'RestoreFailed', message: 'the plan changed' });
  return task.leave({
    ...{ state: 'replayed', source: request.source, systemId: plan.systemId, chain: plan.chain, target: plan.target },
    ...{ planHash, requestedBy, approvedBy, execution: task.execution },
    startedAt: source.now.toISOString(),
    finishedAt: source.now.toISOString(),
    dataDir: request.to,
    setAside: [],
    reached: { lsn: '0/300100', time: '2026-11-20 05:13:45+00', stoppedAt: 'lsn', timeline: 2 },
    checks: [],
    durationsMs: { files: 1, replay: 1, checks: 1 },
  });
};

/** dump: one more committed dump, which the catalog does not know yet */
export const dumps: Script = async (task, stored) => {
  const { source, schemaOnly } = task.input as { source: string; schemaOnly: boolean };
  const kind = schemaOnly ? 'schema' : 'dump';
  return task.leave(
    dumpResult(await storedDump(stored, { source, kind, execution: task.execution, catalogued: false })),
  );
};

export const dumpResult = ({ source, dump, kind, databases, rawBytes, storedBytes }: DumpManifest) => ({
  ...{ source, dump, kind, databases: databases.map(({ name }) => name), rawBytes, storedBytes },
  warnings: [],
  durationMs: 60_000,
});

/** prove-dump: proven where it was to be restored, else verified, unless `more` says otherwise */
export const provesDump =
  (more: object = {}): Script =>
  (task, { now }) => {
    const { source, dump, restore } = task.input as { source: string; dump: string; restore: boolean };
    return task.leave({
      ...{ source, dump, ok: true, verdict: restore ? 'proven' : 'verified', restored: restore, failure: null },
      checks: restore ? [{ check: 'rows', ok: true, detail: '5', durationMs: 1 }] : [],
      databases: restore ? [{ name: 'shop', tables: 3, durationMs: 5 }] : [],
      ...{ rawBytes: 1010, durationMs: 10, startedAt: now.toISOString(), finishedAt: now.toISOString(), ...more },
    });
  };
