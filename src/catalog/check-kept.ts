import { readBackup } from '#catalog/backups';
import { checkDumpObjects } from '#catalog/check-dump-objects';
import { checkKeptWal } from '#catalog/check-kept-wal';
import { checkObjects } from '#catalog/check-objects';
import { readDump } from '#catalog/dumps';
import { gatherRetentionFacts } from '#catalog/retention-facts';
import { isDumpId } from '#model/dump-id';
import { ObjectDamaged, StoreRefused, WalBroken } from '#model/failure';
import { type BackupSummary, type Manifest, startLsn, stopLsn } from '#model/manifest';
import type { Plan } from '#model/plan';
import { planAgain } from '#model/plan-again';
import type { RetentionFacts } from '#model/retention-facts';
import type { RetentionPlan, TimeStretch } from '#model/retention-record';
import { catalogKey, manifestKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/**
 * After a retention plan was carried out: everything that it keeps is there, and every instant that it said could be restored
 * afterwards can be, by what was read back.
 * @throws ObjectMissing, ObjectDamaged, WalBroken
 */
export async function checkKept(store: ObjectStore, plan: Plan, shown: RetentionPlan, now: Date): Promise<void> {
  const { source } = shown;
  const facts = await gatherRetentionFacts(store, plan, source, now, { purge: shown.purge === true });
  await checkKeptWal(store, source, await checkKeptObjects(store, shown, facts));
  const anew = planAgain(shown, facts, () => shown.rules);
  const short = shown.lost.after.find((promised) => !anew.lost.before.some((stretch) => holds(stretch, promised)));
  if (short) throw notAsPromised(source, short);
}

/**
 * Everything that a plan keeps is there: its manifest, which says what the catalog does, and all that this names. Answers the
 * backups. @throws ObjectMissing, ObjectDamaged
 */
export async function checkKeptObjects(
  store: ObjectStore,
  { source, keeps }: Pick<RetentionPlan, 'source' | 'keeps'>,
  facts: RetentionFacts,
): Promise<BackupSummary[]> {
  const points = [...facts.backups, ...facts.dumps];
  const broken = new Set<string>(points.filter(({ state }) => state === 'broken').map(({ id }) => id));
  const backups: BackupSummary[] = [];
  for (const { id, at } of keeps) {
    // what cannot be read was so before, and what is broken may lack anything
    if (at === null || broken.has(id)) continue;
    if (isDumpId(id)) await checkDumpObjects(store, await readDump(store, source, id));
    else backups.push(await checkBackup(store, asDecided(await readBackup(store, source, id), facts)));
  }
  return backups;
}

/** What is decided by a summary of the catalog is right only if the manifest says the same. */
function asDecided(manifest: Manifest, { backups }: RetentionFacts): Manifest {
  const fact = backups.find(({ id }) => id === manifest.backup);
  const isSame =
    fact !== undefined &&
    fact.parent === manifest.parent &&
    fact.systemId === manifest.server.systemId &&
    fact.segmentSize === manifest.server.segmentSize &&
    fact.startLsn === startLsn(manifest) &&
    fact.stopLsn === stopLsn(manifest);
  if (isSame) return manifest;
  const key = manifestKey(manifest.source, manifest.backup);
  throw new ObjectDamaged(`${key} says otherwise than ${catalogKey(manifest.source)}`, {
    operation: 'check retention',
    subject: key,
    hint: `see with \`lifeboat verify ${manifest.backup}\` whether the manifest is as it was written: then run \`lifeboat catalog rebuild\``,
  });
}

async function checkBackup(store: ObjectStore, manifest: Manifest): Promise<BackupSummary> {
  await checkObjects(store, manifest).catch((failure) => {
    // it is there, in a class that has to be thawed first
    if (!(failure instanceof StoreRefused)) throw failure;
  });
  return manifest;
}

const holds = (stretch: TimeStretch, { systemId, from, to }: TimeStretch): boolean =>
  stretch.systemId === systemId && stretch.from <= from && stretch.to >= to;

const notAsPromised = (source: string, { from, to }: TimeStretch): WalBroken =>
  new WalBroken(`${source} cannot be restored to every instant from ${from} to ${to}, as was promised`, {
    operation: 'check retention',
    subject: source,
    hint: `see what can be restored: \`lifeboat window --source ${source}\`; in a bucket with versions what was deleted can be brought back`,
  });
