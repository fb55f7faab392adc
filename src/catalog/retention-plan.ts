import { z } from 'zod';
import { expiredWal } from '#catalog/expire-wal';
import { putRecord, readRecord } from '#catalog/put-record';
import { InputInvalid, ObjectDamaged, ObjectMissing } from '#model/failure';
import { retentionHash } from '#model/retention';
import { type RetentionPlan, retentionPlanSchema } from '#model/retention-record';
import { taskResultKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/** Where the plan of an execution lies. */
export const retentionPlanKey = (execution: string): string => taskResultKey('retention', execution, 'plan');

/** Put a plan once; what an earlier attempt has put stands, and is the answer. */
export async function putRetentionPlan(store: ObjectStore, key: string, plan: RetentionPlan): Promise<RetentionPlan> {
  if (await putRecord(store, key, plan)) return plan;
  return (await readRecord(store, key, retentionPlanSchema)) ?? plan;
}

/** @throws ObjectMissing; ObjectDamaged when it is another plan than the one with this hash */
export async function readRetentionPlan(
  store: ObjectStore,
  { planKey, planHash, source }: { planKey: string; planHash: string; source: string },
): Promise<RetentionPlan> {
  const plan = await readRecord(store, planKey, retentionPlanSchema);
  const about = { operation: 'read retention plan', subject: planKey };
  if (!plan) throw new ObjectMissing(`${planKey} is not there`, { ...about, hint: 'start the machine again' });
  if (plan.source !== source) throw new InputInvalid('source', source, `${plan.source}, whose plan ${planKey} is`);
  const hash = retentionHash(plan);
  if (hash === planHash) return plan;
  throw new ObjectDamaged(`${planKey} is the plan ${hash}, and not ${planHash}`, {
    ...about,
    hint: 'the object was changed: look who did it, and start the machine again',
  });
}

/** Whether carrying it out would delete anything: WAL is listed only until the first piece that goes. */
export async function deletesAnything(store: ObjectStore, plan: RetentionPlan): Promise<boolean> {
  if (plan.goes.length > 0) return true;
  for (const rule of plan.wal) for await (const _ of expiredWal(store, plan, rule)) return true;
  return false;
}

const keysSchema = z.strictObject({
  format: z.literal('lifeboat-expired-keys/1'),
  /** by the id of a backup or dump: the folder of what rekeying has put for its data key */
  digests: z.record(z.string(), z.string().regex(/^[0-9a-f]{32}$/)),
});

/** Remember, before manifests go, which data keys they name; what an earlier attempt remembered stands. */
export async function rememberKeys(
  store: ObjectStore,
  key: string,
  find: () => Promise<ReadonlyMap<string, string>>,
): Promise<ReadonlyMap<string, string>> {
  const known = await readRecord(store, key, keysSchema);
  if (known) return new Map(Object.entries(known.digests));
  const digests = await find();
  await putRecord(store, key, { format: 'lifeboat-expired-keys/1', digests: Object.fromEntries(digests) });
  return digests;
}
