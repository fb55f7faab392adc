import { z } from 'zod';
import { changeProjection, type Projection, readProjection } from '#catalog/change-projection';
import { backupIdSchema } from '#model/backup-id';
import { findingKinds } from '#model/finding';
import { exposureKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/**
 * What the watch measured last, and what it has to remember until the next time. It can be lost: then the next two
 * measurements make it anew, and what is wrong is told once more.
 */
const instant = z.iso.datetime();
const lsnText = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/);
const timeline = z.number().int().positive();

export const findingSchema = z.strictObject({
  kind: z.enum(findingKinds),
  source: z.string(),
  since: instant.nullable(),
  what: z.string(),
  todo: z.string(),
  dedupe: z.string(),
});

/** WAL that is stored, as far as listings have told; of one system. */
const storedWalSchema = z.strictObject({
  systemId: z.string(),
  segmentSize: z.number().int().positive(),
  timelines: z.array(
    z.strictObject({ timeline, stretches: z.array(z.strictObject({ start: lsnText, end: lsnText })) }),
  ),
});
export type StoredWal = z.infer<typeof storedWalSchema>;

const forecastSchema = z.strictObject({
  ms: z.number(),
  phasesMs: z.strictObject({ files: z.number(), replay: z.number(), checks: z.number() }),
  drills: z.number().int(),
  newestDrillAt: instant,
  confidence: z.enum(['good', 'fair', 'poor']),
  basis: z.string(),
});

const count = z.number().int().nonnegative();

/** A source at a glance. */
const summarySchema = z.strictObject({
  /** backups by how they stand */
  counts: z.strictObject({ proven: count, verified: count, committed: count, broken: count }),
  /** of all backups, as stored */
  bytes: count,
  /** the newest one */
  proven: z.strictObject({ backup: backupIdSchema, since: instant, reason: z.string() }).nullable(),
  broken: z.array(z.strictObject({ backup: z.string(), reason: z.string(), since: instant.nullable() })),
  /** the newest backup's drill, where it could not be carried out */
  tried: z.strictObject({ backup: z.string(), at: z.string(), why: z.string() }).nullable(),
  /** what can be restored without a hole up to the last commit that was read back */
  window: z.strictObject({ from: instant, to: instant }).nullable(),
});
export type SourceSummary = z.infer<typeof summarySchema>;

const exposureSchema = z.strictObject({
  format: z.literal('lifeboat-exposure/1'),
  /** by our clock */
  at: instant,
  watchedSince: instant,
  /** what would be lost if the server died now; null: everything */
  lossMs: z.number().nullable(),
  reason: z.string(),
  /** null: the plan has no tier */
  tier: z.strictObject({ rpoMs: z.number(), rtoMs: z.number() }).nullable(),
  /** null: there was no drill yet */
  rto: forecastSchema.nullable(),
  /** how far can be restored with what was read back; null: nothing can be */
  verified: z
    .strictObject({ backup: z.string(), systemId: z.string(), timeline, lsn: lsnText, asOf: instant })
    .nullable(),
  server: z.discriminatedUnion('state', [
    z.strictObject({ state: z.literal('reachable'), systemId: z.string(), timeline, flushed: lsnText, clock: instant }),
    z.strictObject({ state: z.literal('unreachable'), why: z.string(), since: instant }),
  ]),
  /** by the server's clock: when it was last reached, and when everything on it was last verified */
  lastUp: instant.nullable(),
  coveredAt: instant.nullable(),
  stored: storedWalSchema.nullable(),
  /** the server is ahead of what is stored, which has ended there since then */
  behind: z.strictObject({ storedTo: lsnText.nullable(), since: instant }).nullable(),
  /** WAL is missing after this position, since it was first seen */
  gap: z.strictObject({ after: lsnText, since: instant }).nullable(),
  /** what people were told of and is not over */
  findings: z.array(findingSchema),
  /** null: it was kept before there were any */
  summary: summarySchema.nullable().default(null),
});
export type MeasuredExposure = z.infer<typeof exposureSchema>;

const projectionOf = (source: string): Projection<MeasuredExposure | undefined> => ({
  key: exposureKey(source),
  schema: exposureSchema,
  empty: undefined,
});

/** undefined: nobody has measured yet */
export const readExposure = (store: ObjectStore, source: string): Promise<MeasuredExposure | undefined> =>
  readProjection(store, projectionOf(source));

/** Keep a measurement, unless a newer one is kept already. Clocks that were set back by more than an hour are believed. */
export async function keepExposure(store: ObjectStore, source: string, measured: MeasuredExposure): Promise<void> {
  await changeProjection(store, projectionOf(source), (known) => {
    const aheadMs = known ? Date.parse(known.at) - Date.parse(measured.at) : 0;
    return aheadMs > 0 && aheadMs < 3_600_000 ? known : measured;
  });
}
