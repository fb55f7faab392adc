import { z } from 'zod';
import { leaseEnd } from '#catalog/check-lease';
import { findDumps } from '#catalog/dumps';
import { releaseLeaseOf } from '#catalog/release-lease';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { edge } from './edge.ts';

/**
 * After a dump's machine has failed: its lease is given back, and what it left is named. Nothing is removed: what is not
 * committed is garbage that expiry removes, since writers cannot delete.
 */
export const handler = edge({
  name: 'undo-dump',
  input: fields({
    source: text('the name of a source'),
    execution: text("the execution's ARN"),
    /** when the execution began */
    since: z.iso.datetime('an instant').transform((since) => new Date(since)),
  }),

  async run({ source, execution, since }, { vault: { store }, now }) {
    const found = await findDumps(store, source, { begunSince: since });
    const leftovers = found.flatMap(({ state, id }) => (state === 'uncommitted' ? [id] : []));
    const committed = found.flatMap((one) =>
      one.state === 'committed' && one.entry.execution === execution ? [one.id] : [],
    );
    await releaseLeaseOf(store, source, 'dump', { execution, now: now() });
    const leaseUntil = (await leaseEnd(store, source, 'dump', now()))?.toISOString() ?? null;
    const told = [
      ...committed.map((id) => `dump ${id} is committed all the same`),
      ...leftovers.slice(0, 5).map((id) => `${id} was begun and never counts; expiry removes what is stored of it`),
      ...(leaseUntil === null
        ? []
        : [`somebody else has the dump lease of ${source}, until ${leaseUntil} unless it is renewed`]),
    ];
    return { source, leftovers: leftovers.slice(0, 5), committed, leaseUntil, told: told.join('\n') };
  },
});
