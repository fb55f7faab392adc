import { readBackup } from '#catalog/backups';
import { checkKeptObjects } from '#catalog/check-kept';
import { readDump } from '#catalog/dumps';
import { wrapDigest } from '#catalog/key-wraps';
import { type Lease, type LeasedWork, withLease } from '#catalog/lease';
import { gatherRetentionFacts } from '#catalog/retention-facts';
import { readRetentionPlan, rememberKeys } from '#catalog/retention-plan';
import { chooseAny } from '#model/choose-source';
import { isDumpId } from '#model/dump-id';
import { InputInvalid, ObjectMissing } from '#model/failure';
import { planAgain } from '#model/plan-again';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { chooseRetention } from '#model/retention-choice';
import type { ExpireResult, RetentionPlan } from '#model/retention-record';
import { thisProcess } from '#runtime/this-process';
import { taskResultKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { awaitLease } from './await-lease.ts';
import { type ExpirePhase, expireManifests, expireRest } from './expire.ts';
import { expireOldRecords } from './expire-old-records.ts';
import { PhaseLog } from './progress-log.ts';
import { requireStillHolds } from './still-holds.ts';
import { defineJob, type JobWorld } from './task.ts';

const expireInput = fields({
  source: text('the name of a source in the plan'),
  planKey: text("a retention plan's key", /^executions\/retention\/[^/]+\/plan\.json$/),
  planHash: text('the hash of that plan', /^[0-9a-f]{64}$/),
});

/**
 * Deletes what a retention plan names. Nobody backs the source up or dumps it meanwhile, until no manifest is left that
 * somebody might build on: what comes after that is read by nobody any more, and may take hours the first time. Of a purge
 * nobody does so to its end: it leaves no window behind, and a backup that begins on a standby may need WAL of an hour ago.
 */
export const task = defineJob({
  input: expireInput,
  async run({ source: asked, planKey, planHash }, world): Promise<ExpireResult> {
    const { plan, vault, startedAt, now, signal, log } = world;
    const { name: source } = chooseAny(plan, asked);
    const shown = await readRetentionPlan(vault.store, { planKey, planHash, source });
    const phases = new PhaseLog<ExpirePhase>(log);
    const work = {
      store: vault.store,
      plan: shown,
      onProgress: (phase: ExpirePhase, bytes: number) => phases.show(phase, bytes),
    };
    const { keyDigests, expiry } = await whileNobodyWrites(world, source, async (signal) => {
      await checkAgain(world, shown);
      const keysKey = taskResultKey('retention', world.call.executionName, 'keys');
      const keyDigests = await rememberKeys(vault.store, keysKey, () => findKeys(vault.store, shown));
      const expiry = await expireManifests({ ...work, keyDigests, signal });
      if (shown.purge) await expireRest({ ...work, keyDigests, signal }, expiry);
      return { keyDigests, expiry };
    });
    if (!shown.purge) await expireRest({ ...work, keyDigests, signal }, expiry);
    // in AWS S3 does it by age (src/stack/storage.ts)
    const old = plan.aws ? 0 : await expireOldRecords(vault.store, { now: now(), signal });
    const times = { startedAt: startedAt.toISOString(), finishedAt: now().toISOString() };
    return { source, hash: planHash, ...expiry, old, objects: expiry.objects + old, ...times };
  },
});

/** With the leases for backups and dumps; the signal ends with either. @throws LeaseHeld */
async function whileNobodyWrites<T>(world: JobWorld, source: string, work: (signal: AbortSignal) => Promise<T>) {
  const backups = await takeLease(world, source, 'backup');
  return withLease(backups, async () => {
    const dumps = await takeLease(world, source, 'dump');
    return withLease(dumps, () => work(AbortSignal.any([world.signal, backups.signal, dumps.signal])));
  });
}

const takeLease = ({ vault, call, signal, log }: JobWorld, source: string, what: LeasedWork): Promise<Lease> =>
  awaitLease(vault.store, source, what, {
    holder: { ...thisProcess(), execution: call.execution },
    signal,
    onWait: (until) => log.warn('waiting for the lease of an earlier attempt to expire', { what, until }),
  });

/**
 * The plan once more, by what is known now, and for the same instant: so that time alone makes no difference. And what is to
 * stay instead has to be there: the catalog's word is not enough to delete by.
 */
async function checkAgain({ plan, vault, now }: JobWorld, shown: RetentionPlan): Promise<void> {
  const facts = await gatherRetentionFacts(vault.store, plan, shown.source, now(), { purge: shown.purge === true });
  // we hold the leases ourselves: nobody writes what is not committed
  const leftovers = facts.leftovers.map((leftover) => ({ ...leftover, busy: false }));
  const anew = planAgain(shown, { ...facts, leftovers }, () => chooseRetention(plan, shown.source).rules);
  requireStillHolds(shown, anew, facts);
  await checkKeptObjects(vault.store, shown, facts);
}

/** Of the data keys of what goes, by its id; what is in clear has none. */
async function findKeys(store: ObjectStore, { source, goes }: RetentionPlan): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for (const { id, what } of goes) {
    if (what === 'leftover') continue;
    try {
      const { encryption } = isDumpId(id) ? await readDump(store, source, id) : await readBackup(store, source, id);
      if (encryption) digests.set(id, wrapDigest(encryption.key));
    } catch (failure) {
      // gone already, by an attempt that remembered nothing
      if (!(failure instanceof InputInvalid || failure instanceof ObjectMissing)) throw failure;
    }
  }
  return digests;
}
