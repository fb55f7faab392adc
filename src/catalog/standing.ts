import { z } from 'zod';
import { committedBackups } from '#catalog/backups';
import { changeProjection, type Projection, readProjection } from '#catalog/change-projection';
import type { BackupId } from '#model/backup-id';
import { type Proof, proofSchema, type Verification, verificationSchema } from '#model/proof';
import { type BackupRecords, type DrillNote, type Standing, standingsOf, type VerificationNote } from '#model/standing';
import { standingKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/**
 * The newest verification and drills of each backup of a source, and its last good drills, in one object. Records are
 * merged in by their times alone, so that it does not matter in which order, how often, or by how many at once.
 */
const drillNoteSchema = proofSchema
  .pick({ verdict: true, target: true, failure: true, execution: true, finishedAt: true })
  .extend({ failedChecks: z.array(z.string()) });

const recordsSchema = z.strictObject({
  backup: proofSchema.shape.backup,
  verification: verificationSchema
    .pick({ ok: true, damage: true, at: true, execution: true, version: true })
    .nullable(),
  drill: drillNoteSchema.nullable(),
  tried: drillNoteSchema.nullable(),
});

const measureSchema = proofSchema.pick({
  backup: true,
  durationsMs: true,
  rawBytes: true,
  walBytes: true,
  finishedAt: true,
});
/** How long a drill that went well took, and of how much. */
export type DrillMeasure = z.infer<typeof measureSchema>;

const standingSchema = z.strictObject({
  format: z.literal('lifeboat-standing/1'),
  /** by id */
  backups: z.array(recordsSchema),
  /** the last ones that went well, newest first */
  drills: z.array(measureSchema),
});
export type StandingRecords = z.infer<typeof standingSchema>;

const keptDrills = 10;
const keptDamage = 20;

const projectionOf = (source: string): Projection<StandingRecords> => ({
  key: standingKey(source),
  schema: standingSchema,
  empty: { format: 'lifeboat-standing/1', backups: [], drills: [] },
});

export interface SourceStanding {
  /** of every committed backup, oldest first */
  backups: Standing[];
  drills: DrillMeasure[];
}

/** Two reads, however many records there are. */
export async function readStanding(
  store: ObjectStore,
  source: string,
  known?: readonly { backup: BackupId; parent: BackupId | null }[],
): Promise<SourceStanding> {
  const { backups, drills } = await readProjection(store, projectionOf(source));
  return { backups: standingsOf(known ?? (await committedBackups(store, source)), backups), drills };
}

/** Of the manifest with which a backup was read back last; undefined when nobody did, or none was noted. */
export async function readVersion(store: ObjectStore, source: string, backup: BackupId): Promise<string | undefined> {
  const { backups } = await readProjection(store, projectionOf(source));
  return backups.find((records) => records.backup === backup)?.verification?.version;
}

/** When the stored bytes of each backup were all read last: by a verification, or by a drill that went well. */
export async function readBackTimes(store: ObjectStore, source: string): Promise<Map<BackupId, Date>> {
  const { backups } = await readProjection(store, projectionOf(source));
  return new Map(
    backups.flatMap(({ backup, verification, drill }) => {
      const times = [verification?.at, drill?.verdict === 'proven' ? drill.finishedAt : undefined];
      const latest = Math.max(...times.map((at) => (at === undefined ? 0 : Date.parse(at))));
      return latest === 0 ? [] : [[backup, new Date(latest)]];
    }),
  );
}

/** Take note of records; those that it knows change nothing. */
export async function noteInStanding(
  store: ObjectStore,
  source: string,
  { verifications = [], proofs = [] }: { verifications?: readonly Verification[]; proofs?: readonly Proof[] },
): Promise<void> {
  await changeProjection(store, projectionOf(source), (content) => withRecords(content, verifications, proofs));
}

/** Make it anew of all records; `read` is asked again when one is noted meanwhile. */
export async function replaceStanding(
  store: ObjectStore,
  source: string,
  read: () => Promise<{ verifications: Verification[]; proofs: Proof[] }>,
): Promise<void> {
  const projection = projectionOf(source);
  await changeProjection(store, projection, async () => {
    const { verifications, proofs } = await read();
    return withRecords(projection.empty, verifications, proofs);
  });
}

/** Backups that are gone have no standing, and what their drills measured goes with them, as a rebuild would have it. */
export async function forgetInStanding(
  store: ObjectStore,
  source: string,
  backups: ReadonlySet<BackupId>,
): Promise<void> {
  const isLeft = ({ backup }: { backup: BackupId }) => !backups.has(backup);
  await changeProjection(store, projectionOf(source), (content) => ({
    ...content,
    backups: content.backups.filter(isLeft),
    drills: content.drills.filter(isLeft),
  }));
}

function withRecords(
  content: StandingRecords,
  verifications: readonly Verification[],
  proofs: readonly Proof[],
): StandingRecords {
  const byId = new Map(content.backups.map((records) => [records.backup, { ...records }]));
  const of = (backup: BackupId): BackupRecords => {
    const records = byId.get(backup) ?? { backup, verification: null, drill: null, tried: null };
    byId.set(backup, records);
    return records;
  };
  for (const verification of verifications) {
    const records = of(verification.backup);
    records.verification = newerVerification(records.verification, noteOfVerification(verification));
  }
  for (const proof of proofs) {
    const kind = proof.verdict === 'not carried out' ? 'tried' : 'drill';
    const records = of(proof.backup);
    records[kind] = newerDrill(records[kind], noteOfDrill(proof));
  }
  const backups = [...byId.values()].sort((a, b) => (a.backup < b.backup ? -1 : 1));
  return { ...content, backups, drills: newestMeasures([...content.drills, ...proofs.filter(({ ok }) => ok)]) };
}

const noteOfVerification = ({ ok, damage, at, execution, version }: Verification): VerificationNote => ({
  ok,
  damage: damage.slice(0, keptDamage),
  at,
  execution,
  ...(version === undefined ? {} : { version }),
});

const noteOfDrill = ({ verdict, target, failure, execution, finishedAt, checks }: Proof): DrillNote => ({
  verdict,
  target,
  failure,
  execution,
  finishedAt,
  failedChecks: checks.filter(({ ok }) => !ok).map(({ check, detail }) => `${check}: ${detail}`),
});

/** Of two at the same instant the bad one, and else the same one whichever came first. */
function newerVerification(known: VerificationNote | null, next: VerificationNote): VerificationNote {
  const rank = ({ at, ok }: VerificationNote) => `${instant(at)} ${ok ? 0 : 1}`;
  return !known || isAfter(rank(next), rank(known), next, known) ? next : known;
}

function newerDrill(known: DrillNote | null, next: DrillNote): DrillNote {
  const rank = ({ finishedAt, verdict }: DrillNote) => `${instant(finishedAt)} ${verdict === 'proven' ? 0 : 1}`;
  return !known || isAfter(rank(next), rank(known), next, known) ? next : known;
}

function isAfter(rankA: string, rankB: string, a: object, b: object): boolean {
  return rankA === rankB ? JSON.stringify(a) > JSON.stringify(b) : rankA > rankB;
}

/** Instants may be written with and without milliseconds. */
const instant = (text: string): string => new Date(text).toISOString();

function newestMeasures(drills: readonly DrillMeasure[]): DrillMeasure[] {
  const byDrill = new Map(
    drills.map(({ backup, durationsMs, rawBytes, walBytes, finishedAt }) => [
      `${instant(finishedAt)} ${backup}`,
      { backup, durationsMs, rawBytes, walBytes, finishedAt },
    ]),
  );
  const newestFirst = [...byDrill].sort(([a], [b]) => (a < b ? 1 : -1));
  return newestFirst.slice(0, keptDrills).map(([, drill]) => drill);
}
