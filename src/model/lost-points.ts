import type { KeptPoints } from '#model/keep-points';
import { parseLsn } from '#model/lsn';
import type { BackupFact, DumpFact, RetentionFacts } from '#model/retention-facts';
import type { RetentionPlan, TimeStretch, WalRule } from '#model/retention-record';

/** What could be restored and what can be afterwards, by the WAL that was read back. */
export function lostPoints(
  { backups, dumps }: RetentionFacts,
  kept: KeptPoints<BackupFact>,
  keptDumps: KeptPoints<DumpFact>,
  wal: readonly WalRule[],
): RetentionPlan['lost'] {
  const usable = backups.filter(({ state }) => state !== 'broken');
  const rules = new Map(wal.map((rule) => [rule.systemId, rule]));
  const staying = usable.filter((backup) => kept.has(backup));
  return {
    before: merged(usable.map((backup) => stretchOf(backup, true))),
    after: merged(staying.map((backup) => stretchOf(backup, leadsOn(backup, rules.get(backup.systemId))))),
    points: [
      ...usable.filter((backup) => !kept.has(backup)).map(({ id }) => id),
      ...dumps.filter((dump) => dump.state !== 'broken' && !keptDumps.has(dump)).map(({ id }) => id),
    ],
  };
}

/** Whether the WAL behind it stays. */
function leadsOn({ startLsn }: BackupFact, rule: WalRule | undefined): boolean {
  if (rule === undefined || rule.rule === 'none') return true;
  return rule.rule === 'cut' && startLsn >= parseLsn(rule.before);
}

interface Stretch {
  systemId: string;
  from: Date;
  to: Date;
}

const stretchOf = ({ systemId, at, leadsTo }: BackupFact, leads: boolean): Stretch => ({
  systemId,
  from: at,
  to: leads && leadsTo !== null && leadsTo > at ? leadsTo : at,
});

/** Those of one system that overlap are one; by system, then by time. */
function merged(stretches: readonly Stretch[]): TimeStretch[] {
  const joined: Stretch[] = [];
  const inOrder = [...stretches].sort(
    (a, b) => Number(a.systemId > b.systemId) - Number(a.systemId < b.systemId) || a.from.getTime() - b.from.getTime(),
  );
  for (const stretch of inOrder) {
    const last = joined.at(-1);
    if (last?.systemId !== stretch.systemId || stretch.from > last.to) joined.push({ ...stretch });
    else if (stretch.to > last.to) last.to = stretch.to;
  }
  return joined.map(({ systemId, from, to }) => ({ systemId, from: from.toISOString(), to: to.toISOString() }));
}
