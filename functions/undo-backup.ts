import { z } from 'zod';
import { findBackups } from '#catalog/backups';
import { leaseEnd } from '#catalog/check-lease';
import { releaseLeaseOf } from '#catalog/release-lease';
import { parseBackupId } from '#model/backup-id';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { edge } from './edge.ts';

/**
 * After a backup's task has ended in failure: its lease is given back, and what it left is named. Nothing is removed: what is
 * not committed is garbage that expiry removes, since writers cannot delete.
 */
export const handler = edge({
  name: 'undo-backup',
  input: fields({
    source: text('the name of a source'),
    execution: text("the execution's ARN"),
    /** when the machine began with this source */
    since: z.iso.datetime('an instant').transform((since) => new Date(since)),
  }),

  async run({ source, execution, since }, { vault, now }) {
    const found = await findBackups(vault.store, source);
    const later = found.filter(({ id }) => parseBackupId(id).startedAt >= since);
    const leftovers = later.filter(({ state }) => state === 'uncommitted').map(({ id }) => id);
    const mine = later.filter((backup) => backup.state === 'committed' && backup.summary.execution === execution);
    const committed = mine.map(({ id }) => id);
    await releaseLeaseOf(vault.store, source, 'backup', { execution, now: now() });
    const leaseUntil = (await leaseEnd(vault.store, source, 'backup', now()))?.toISOString() ?? null;
    const told = [
      ...committed.map((id) => `backup ${id} is committed all the same`),
      ...leftovers.slice(0, 5).map((id) => `${id} was begun and never counts; expiry removes what is stored of it`),
      ...(leaseUntil === null
        ? []
        : [`somebody else has the backup lease of ${source}, until ${leaseUntil} unless it is renewed`]),
    ];
    return { source, leftovers: leftovers.slice(0, 5), committed, leaseUntil, told: told.join('\n') };
  },
});
