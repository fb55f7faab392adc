import { formatDuration } from '#model/duration';
import type { Finding, FindingKind } from '#model/finding';
import type { NoticeInput } from '#model/notice';

const titles: Record<FindingKind, string> = {
  'wal-gap': 'the stored WAL has a gap',
  'receiver-still': 'the WAL receiver stands still',
  'rpo-above-tier': 'more could be lost than is promised',
  'rto-above-tier': 'a recovery takes longer than is promised',
  'backup-overdue': 'a backup is overdue',
  'dump-overdue': 'a dump is overdue',
  damage: 'a backup or its WAL is damaged',
  unproven: 'the newest backups are not proven',
  'server-unreachable': 'the server cannot be reached',
  'backups-disabled': 'automated backups are disabled',
  'copy-missing': 'a snapshot has no copy',
  'primary-gone': 'the primary is gone',
  'two-primaries': 'there are TWO PRIMARIES',
  'names-astray': 'names lead to a server that takes no writes',
};

export const findingNotice = ({ kind, source, since, what, todo, dedupe }: Finding): NoticeInput => ({
  format: 'lifeboat-notice/1',
  occasion: 'failure',
  subject: source,
  title: titles[kind],
  what,
  since,
  todo,
  dedupe,
});

/** Ends what was told with `findingNotice`. Who was told of the failure is told this, too. */
export function endNotice({ kind, source, since, dedupe }: Finding, now: Date): NoticeInput {
  const lastedMs = since === null ? 0 : Math.max(0, now.getTime() - Date.parse(since));
  return {
    format: 'lifeboat-notice/1',
    occasion: 'success',
    subject: source,
    title: `over: ${titles[kind]}`,
    what: since === null ? 'It is fine again.' : `It is fine again after ${formatDuration(lastedMs)}.`,
    since: now.toISOString(),
    dedupe,
    recovered: true,
  };
}
