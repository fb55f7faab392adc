import { z } from 'zod';

const count = z.number().int().nonnegative();
const instant = z.iso.datetime();

/** By what a snapshot of RDS stays. */
export const snapshotRules = [
  'window',
  'daily',
  'weekly',
  'monthly',
  'yearly',
  /** the newest available one of a region */
  'newest',
  /** somebody has put the tag `lifeboat:hold` on it */
  'held',
  /** a restore names it that somebody is asked about, or has said yes to in the last days */
  'asked about',
  /** a database is being made, which may be from it */
  'restored from',
  /** there is a copy in the making, which would end with it */
  'copied',
  /** the execution that made it may still be at work */
  'too young',
  /** RDS deletes available ones only */
  'not available',
] as const;
export type SnapshotRule = (typeof snapshotRules)[number];

const one = z.strictObject({
  snapshot: z.string(),
  region: z.string(),
  /** when it was taken, also of a copy; null: RDS does not say yet */
  at: instant.nullable(),
});

const keptSchema = one.extend({ rules: z.array(z.enum(snapshotRules)).min(1) });
export type KeptSnapshot = z.infer<typeof keptSchema>;

const goneSchema = one.extend({
  at: instant,
  arn: z.string(),
  sizeGiB: z.number(),
  /** in words */
  why: z.string(),
});
export type GoneSnapshot = z.infer<typeof goneSchema>;

/** `executions/retention/<name>/snapshots.json`: which snapshots of a database go and which stay, and why. Put once. */
export const snapshotExpirySchema = z.strictObject({
  format: z.literal('lifeboat-snapshot-expiry/1'),
  source: z.string(),
  /** the instant that it was decided for */
  at: instant,
  /** all of ours go that no hold and no work keeps; absent: the rules decide */
  purge: z.literal(true).exactOptional(),
  /** of a purge: why */
  reason: z.string().exactOptional(),
  rules: z.strictObject({ windowDays: count, daily: count, weekly: count, monthly: count, yearly: count }),
  timezone: z.string(),
  windowStart: instant,
  /** ours only: nobody else's are looked at */
  keeps: z.array(keptSchema),
  goes: z.array(goneSchema),
  /** what a person should know, in words */
  notes: z.array(z.string()),
});
export type SnapshotExpiry = z.infer<typeof snapshotExpirySchema>;
