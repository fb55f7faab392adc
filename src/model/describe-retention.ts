import { formatBytes } from '#model/format-bytes';
import { type Gone, keepRules, type RetentionPlan, type TimeStretch, type WalRule } from '#model/retention-record';

/** The plan as a person reads it: what goes, what stays, and what that costs in instants. */
export function describeRetention(plan: RetentionPlan): string {
  return [
    ...headOf(plan),
    `  goes         ${goesInWords(plan)}`,
    ...plan.wal.filter(({ rule }) => rule !== 'none').map((rule) => `  WAL          ${walInWords(rule, plan)}`),
    `  stays        ${staysInWords(plan)}`,
    ...windowsInWords(plan),
    ...plan.notes.map((note) => `  note         ${note}`),
  ].join('\n');
}

function headOf(plan: RetentionPlan): string[] {
  const { hash, source, purge, reason } = plan;
  if (purge) return [`purge plan ${hash.slice(0, 12)} for ${source}: everything of it`, `  reason       ${reason}`];
  return [`retention plan ${hash.slice(0, 12)} for ${source}: ${rulesInWords(plan)}`];
}

function rulesInWords({ rules: { windowDays, daily, weekly, monthly, yearly }, timezone }: RetentionPlan): string {
  const generations = Object.entries({ daily, weekly, monthly, yearly }).filter(([, count]) => count > 0);
  const words = generations.map(([name, count]) => `${count} ${name}`);
  return `window ${windowDays}d${words.length > 0 ? `, ${words.join(', ')} (${timezone})` : ''}`;
}

/** How many of which, and how much: `4 backups, 1 dump: 3.59 KiB`. */
export function goesInWords({ goes, bytes }: Pick<RetentionPlan, 'goes' | 'bytes'>): string {
  const counts = (['backup', 'dump', 'leftover'] as const).map((what) => counted(goes, what)).filter(Boolean);
  return counts.length === 0 ? 'no backup and no dump' : `${counts.join(', ')}: ${formatBytes(bytes)}`;
}

function counted(goes: readonly Gone[], what: Gone['what']): string {
  const count = goes.filter((one) => one.what === what).length;
  return count === 0 ? '' : `${count} ${what}${count === 1 ? '' : 's'}`;
}

function walInWords(rule: WalRule, { purge }: RetentionPlan): string {
  if (rule.rule === 'none') return 'none';
  if (rule.rule === 'all' && purge) return `of system ${rule.systemId} all that was stored before ${rule.storedBefore}`;
  if (rule.rule === 'all') return `of system ${rule.systemId} all, if none was stored since ${rule.storedBefore}`;
  const kept = rule.keep.length;
  const but = kept === 0 ? '' : `, but what ${kept} older backup${kept === 1 ? '' : 's'} need${kept === 1 ? 's' : ''}`;
  const where = rule.before === 'FFFFFFFF/FFFFFFFF' ? 'all' : `before ${rule.before}`;
  return `of system ${rule.systemId} ${where}, stored before ${rule.storedBefore}${but}`;
}

function staysInWords({ keeps }: RetentionPlan): string {
  const counts = keepRules.flatMap((rule) => {
    const count = keeps.filter(({ rules }) => rules.includes(rule)).length;
    return count === 0 ? [] : [`${rule} ${count}`];
  });
  const what = (['backup', 'dump'] as const).flatMap((kind) => {
    const count = keeps.filter((kept) => kept.what === kind).length;
    return count === 0 ? [] : [`${count} ${kind}${count === 1 ? '' : 's'}`];
  });
  return what.length === 0 ? 'nothing is there' : `${what.join(', ')} (${counts.join(', ')})`;
}

const shownStretches = 5;

function windowsInWords({ lost: { before, after, points } }: RetentionPlan): string[] {
  if (before.length === 0) return [];
  const [first] = before;
  const isSame = JSON.stringify(before) === JSON.stringify(after);
  const now = `  restorable   ${newestOf(before)}`;
  if (isSame) return [now];
  return [
    now,
    `  afterwards   ${newestOf(after)}`,
    ...(points.length > 0 ? [`  no longer    ${points.length} points and what lay between, since ${first!.from}`] : []),
  ];
}

/** The newest ones: the older are mostly single points. */
function newestOf(stretches: readonly TimeStretch[]): string {
  const shown = stretches.slice(-shownStretches).map(({ from, to }) => (from === to ? from : `${from} to ${to}`));
  const more = stretches.length - shown.length;
  return [...(more > 0 ? [`${more} more`] : []), ...shown].join(', ') || 'nothing';
}
