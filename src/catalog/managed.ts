import { z } from 'zod';
import { changeProjection, type Projection, readProjection } from '#catalog/change-projection';
import { findingSchema } from '#catalog/exposure';
import { managedKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/**
 * What RDS told last of a database, and what people were told of. It can be lost: then the next look makes it anew, and what
 * is wrong is told once more.
 */
const instant = z.iso.datetime();

const snapshotSchema = z.strictObject({
  id: z.string(),
  type: z.string(),
  status: z.string(),
  createdAt: instant.nullable(),
  engineVersion: z.string(),
  sizeGiB: z.number(),
  encrypted: z.boolean(),
  /** the plan took it */
  own: z.boolean(),
  /** where there is a copy of it that can be restored; null: nowhere */
  copiedTo: z.string().nullable(),
});
export type ListedSnapshot = z.infer<typeof snapshotSchema>;

const managedSchema = z.strictObject({
  format: z.literal('lifeboat-managed/1'),
  at: instant,
  watchedSince: instant,
  /** `instance orders` */
  database: z.string(),
  /** null: there is none */
  status: z.string().nullable(),
  engineVersion: z.string().nullable(),
  retentionDays: z.number().nullable(),
  /** null: everything would be lost */
  lossMs: z.number().nullable(),
  reason: z.string(),
  tier: z.strictObject({ rpoMs: z.number(), rtoMs: z.number() }).nullable(),
  window: z.strictObject({ from: instant, to: instant }).nullable(),
  /** oldest first */
  snapshots: z.array(snapshotSchema),
  /** since when RDS does not answer, and why */
  unanswered: z.strictObject({ since: instant, why: z.string() }).nullable(),
  findings: z.array(findingSchema),
});
export type WatchedDatabase = z.infer<typeof managedSchema>;

const projectionOf = (source: string): Projection<WatchedDatabase | undefined> => ({
  key: managedKey(source),
  schema: managedSchema,
  empty: undefined,
});

/** undefined: nobody has looked yet */
export const readManaged = (store: ObjectStore, source: string): Promise<WatchedDatabase | undefined> =>
  readProjection(store, projectionOf(source));

/** Keep it, unless a newer one is kept already. Clocks that were set back by more than an hour are believed. */
export async function keepManaged(store: ObjectStore, source: string, watched: WatchedDatabase): Promise<void> {
  await changeProjection(store, projectionOf(source), (known) => {
    const aheadMs = known ? Date.parse(known.at) - Date.parse(watched.at) : 0;
    return aheadMs > 0 && aheadMs < 3_600_000 ? known : watched;
  });
}
