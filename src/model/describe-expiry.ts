import { formatBytes } from '#model/format-bytes';
import type { ExpireResult, RetentionPlan } from '#model/retention-record';

const mostNamed = 50;

/** What was removed, for people and for good: by name where the plan names it, and how much WAL. */
export function describeExpiry(plan: RetentionPlan, { wal, records, bytes }: ExpireResult): string {
  const pieces = wal.pieces + wal.chunks;
  const named = plan.goes.slice(0, mostNamed).map(({ id, what, why }) => `${what} ${id}: ${why}`);
  const more = plan.goes.length > mostNamed ? [`and ${plan.goes.length - mostNamed} more`] : [];
  return [
    ...(plan.purge ? [`purge of ${plan.source}: ${plan.reason}`] : []),
    `${count(plan.goes.length, 'backup or dump', 'backups and dumps')} of ${plan.source} removed, ${count(pieces, 'piece', 'pieces')} of WAL, ${count(records, 'record', 'records')} of them: ${formatBytes(bytes)}`,
    ...named,
    ...more,
  ].join('\n');
}

const count = (number: number, one: string, many: string): string => `${number} ${number === 1 ? one : many}`;
