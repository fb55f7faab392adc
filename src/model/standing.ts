import type { BackupId } from '#model/backup-id';
import type { Proof, Verification } from '#model/proof';

/**
 * How good a backup is known to be:
 *
 *     committed --read back, as written--> verified --drill--> proven
 *     any of them --damage found, or the drill failed--> broken
 *     broken by damage      --read back or drilled later without any--> what the records say without it
 *     broken by its drill   --drilled later, and well--> proven
 *
 * A drill that could not be carried out changes nothing: it only shows in `tried`. A backup is broken, too, when damage
 * was found in one that it builds on, until a later drill of its own proves otherwise. The newest record decides; of two
 * at the same instant the bad one.
 */
export type StandingState = 'committed' | 'verified' | 'proven' | 'broken';

/** The newest records of one backup. */
export interface BackupRecords {
  backup: BackupId;
  verification: VerificationNote | null;
  /** of the drills that were carried out */
  drill: DrillNote | null;
  /** of those that were not */
  tried: DrillNote | null;
}

export type VerificationNote = Pick<Verification, 'ok' | 'damage' | 'at' | 'execution' | 'version'>;
export type DrillNote = Pick<Proof, 'verdict' | 'target' | 'failure' | 'execution' | 'finishedAt'> & {
  /** the checks that failed, in words */
  failedChecks: string[];
};

export interface Standing {
  backup: BackupId;
  state: StandingState;
  /** why it is in this state, in words */
  reason: string;
  /** when the record was made that says so; null for one that is only committed */
  since: string | null;
  /** the newest drill, when it could not be carried out and nothing newer is known */
  tried: { at: string; why: string } | null;
}

/** A committed backup, as far as it matters here. */
export interface Committed {
  backup: BackupId;
  parent: BackupId | null;
}

/** The standing of each committed backup, in their order. */
export function standingsOf(backups: readonly Committed[], records: readonly BackupRecords[]): Standing[] {
  const known = new Map(records.map((record) => [record.backup, record]));
  const parents = new Map(backups.map(({ backup, parent }) => [backup, parent]));
  return backups.map(({ backup }) => standingOf(backup, known.get(backup), damagedAncestor(backup, parents, known)));
}

function standingOf(backup: BackupId, records: BackupRecords | undefined, ancestor: Damage | undefined): Standing {
  const tried = triedOf(records);
  const damage = records && damageOf(records);
  const found = damage ?? (ancestor && isSuperseded(records, ancestor) ? undefined : ancestor);
  if (found) return { backup, state: 'broken', reason: found.reason, since: found.at, tried };
  const drill = records?.drill;
  if (drill) {
    const reason = `restored to ${drill.target}, started, replayed and checked`;
    return { backup, state: 'proven', reason, since: drill.finishedAt, tried };
  }
  if (records?.verification) {
    const reason = 'every stored byte was read back and is as it was written';
    return { backup, state: 'verified', reason, since: records.verification.at, tried };
  }
  return { backup, state: 'committed', reason: 'stored, and not read back yet', since: null, tried };
}

interface Damage {
  reason: string;
  at: string;
}

/** What breaks a backup by its own records. */
function damageOf(records: BackupRecords): Damage | undefined {
  const { drill, verification } = records;
  if (drill?.verdict === 'broken') return { reason: drillFailure(drill), at: drill.finishedAt };
  if (!verification || verification.ok || isSuperseded(records, verification)) return undefined;
  return { reason: describeDamage(verification), at: verification.at };
}

/** A drill that went well afterwards has read everything once more. */
const isSuperseded = (records: BackupRecords | undefined, { at }: { at: string }): boolean =>
  records?.drill?.verdict === 'proven' && records.drill.finishedAt > at;

function damagedAncestor(
  backup: BackupId,
  parents: ReadonlyMap<BackupId, BackupId | null>,
  known: ReadonlyMap<BackupId, BackupRecords>,
): Damage | undefined {
  const seen = new Set<BackupId>([backup]);
  for (let id = parents.get(backup); id != null && !seen.has(id); id = parents.get(id)) {
    seen.add(id);
    const records = known.get(id);
    const { verification } = records ?? {};
    if (!verification || verification.ok || isSuperseded(records, verification)) continue;
    return { reason: `it builds on ${id}: ${describeDamage(verification)}`, at: verification.at };
  }
  return undefined;
}

const describeDamage = ({ damage }: VerificationNote): string =>
  damage.length > 1 ? `${damage[0]} (and ${damage.length - 1} more)` : (damage[0] ?? 'it is not as it was written');

function drillFailure({ failure, failedChecks, target }: DrillNote): string {
  const what = failure?.message ?? (failedChecks.join('; ') || 'it gave no reason');
  return `its drill to ${target} failed: ${what}`;
}

function triedOf(records: BackupRecords | undefined): Standing['tried'] {
  const { tried, drill } = records ?? {};
  if (!tried || (drill && drill.finishedAt >= tried.finishedAt)) return null;
  return { at: tried.finishedAt, why: tried.failure?.message ?? 'it gave no reason' };
}
