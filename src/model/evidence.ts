import { createHash } from 'node:crypto';
import { z } from 'zod';

const orNull = () => z.string().max(4_000).nullable().default(null);
const count = () => z.number().int().nonnegative().nullable().default(null);

/** What an auditor asks of a kind of deed; null: it did not come so far, or nobody knew. */
export const detailsSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('backup'),
    /** id of a backup, dump or snapshot */
    object: orNull(),
    /** URL, or the path of a directory */
    storedAt: orNull(),
    bytes: count(),
    /** what was looked at since, and how it was */
    verification: orNull(),
  }),
  z.strictObject({
    kind: z.literal('restore'),
    /** id of a backup, dump or snapshot */
    from: orNull(),
    to: orNull(),
    /** what was asked for, and what was there in the end */
    target: orNull(),
    reached: orNull(),
    verification: orNull(),
  }),
  /** a restore into a place that is thrown away, made to see that it can be done */
  z.strictObject({
    kind: z.literal('drill'),
    from: orNull(),
    target: orNull(),
    reached: orNull(),
    verification: orNull(),
  }),
  z.strictObject({ kind: z.literal('verification'), object: orNull(), verification: orNull() }),
  /** the primary of a group was moved, or a rehearsal of that */
  z.strictObject({
    kind: z.literal('failover'),
    /** sites */
    from: orNull(),
    to: orNull(),
    /** `failover`, `switchover`, `finish`, `failback` or `rehearsal` */
    mode: orNull(),
    /** how the old primary was kept from taking writes */
    fence: orNull(),
    /** where the new primary's timeline began */
    reached: orNull(),
    /** of WAL that the old primary had and the new one has not; null: it could not be known */
    lostBytes: count(),
    /** from the fence to health */
    rtoMs: count(),
    verification: orNull(),
  }),
  z.strictObject({ kind: z.literal('expiry'), removed: count(), bytes: count() }),
]);
export type EvidenceDetails = z.infer<typeof detailsSchema>;

/** The yes or no of one person. */
const approvalSchema = z.strictObject({
  decision: z.enum(['approve', 'reject']),
  by: z.string(),
  /** the ARN that AWS has confirmed; absent: `by` is what somebody said */
  iam: z.string().exactOptional(),
  /** the member id that Slack has confirmed; absent: it did not come by Slack */
  slack: z.string().exactOptional(),
  at: z.string(),
  reason: z.string().nullable(),
});

/** One thing that was done. Each record holds the digest of the one before, so that none can be changed or taken out. */
export const evidenceSchema = z.strictObject({
  format: z.literal('lifeboat-evidence/1'),
  /** from 1, without a hole */
  sequence: z.number().int().positive(),
  /** SHA-256 of the bytes of the record before, hexadecimal; null in the first */
  previous: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  /** names what was done for good: a repeated step records it once */
  id: z.string().min(1).max(1_000),
  /** a person, `schedule` or `lifeboat` */
  who: z.string().min(1),
  /** in words: `restored main to 2026-11-20 05:13:45+00` */
  what: z.string().min(1),
  /** the source that it was done to or for; null: something else */
  source: z.string().nullable(),
  when: z.iso.datetime(),
  /** `succeeded`, `failed`, `refused`, … */
  outcome: z.string().min(1),
  /** ARN; null: none */
  execution: z.string().nullable(),
  planHash: z.string().nullable(),
  /** the yes or no that decided; null: nobody was asked */
  approval: approvalSchema.nullable(),
  /** everybody's, oldest first, where several were asked; absent in older records, as is what follows */
  approvals: z.array(approvalSchema).exactOptional(),
  details: detailsSchema.exactOptional(),
  startedAt: z.iso.datetime().exactOptional(),
  /** from `startedAt` to `when` */
  durationMs: z.number().int().nonnegative().exactOptional(),
  /** where it was asked for: a host, the ARN of an identity, `schedule` */
  from: z.string().min(1).max(1_000).exactOptional(),
});
export type Evidence = z.infer<typeof evidenceSchema>;

/** What was done, before it has its place in the chain. */
export type Deed = Omit<Evidence, 'format' | 'sequence' | 'previous'>;

/** Where the chain ends: the next record follows this one. */
export interface ChainEnd {
  sequence: number;
  /** of the last record's bytes; null before the first */
  digest: string | null;
}

export const chainBegin: ChainEnd = { sequence: 0, digest: null };

export const digestOf = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

export const recordAfter = (end: ChainEnd, deed: Deed): Evidence => ({
  format: 'lifeboat-evidence/1',
  sequence: end.sequence + 1,
  previous: end.digest,
  ...deed,
});
