import { readBackup } from '#catalog/backups';
import { checkDumpObjects } from '#catalog/check-dump-objects';
import { checkKeptWal } from '#catalog/check-kept-wal';
import { checkObjects } from '#catalog/check-objects';
import { readDump } from '#catalog/dumps';
import { gatherRetentionFacts } from '#catalog/retention-facts';
import { isDumpId } from '#model/dump-id';
import { StoreRefused, WalBroken } from '#model/failure';
import type { BackupSummary, Manifest } from '#model/manifest';
import type { Plan } from '#model/plan';
import { planRetention } from '#model/retention';
import type { RetentionPlan, TimeStretch } from '#model/retention-record';
import type { ObjectStore } from '#store/object-store';

/**
 * After a retention plan was carried out: everything that it keeps is there, and every instant that it said could be restored
 * afterwards can be, by what was read back.
 * @throws ObjectMissing, ObjectDamaged, WalBroken
 */
export async function checkKept(store: ObjectStore, plan: Plan, shown: RetentionPlan, now: Date): Promise<void> {
  const { source } = shown;
  const facts = await gatherRetentionFacts(store, plan, source, now);
  const broken = new Set<string>(facts.backups.filter(({ state }) => state === 'broken').map(({ id }) => id));
  const backups: BackupSummary[] = [];
  for (const { id, at } of shown.keeps) {
    // what cannot be read was so before, and what is broken may lack anything
    if (at === null || broken.has(id)) continue;
    if (isDumpId(id)) await checkDumpObjects(store, await readDump(store, source, id));
    else backups.push(await checkBackup(store, await readBackup(store, source, id)));
  }
  await checkKeptWal(store, source, backups);
  const anew = planRetention(facts, shown.rules, new Date(shown.at));
  const short = shown.lost.after.find((promised) => !anew.lost.before.some((stretch) => holds(stretch, promised)));
  if (short) throw notAsPromised(source, short);
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
