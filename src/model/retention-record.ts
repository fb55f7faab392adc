import { z } from 'zod';
import { backupIdSchema } from '#model/backup-id';
import { dumpIdSchema } from '#model/dump-id';

const count = z.number().int().nonnegative();
const instant = z.iso.datetime();
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const lsnText = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/);
const systemId = z.string().regex(/^\d{1,20}$/);
const anyId = z.union([backupIdSchema, dumpIdSchema]);

/** By what something stays. */
export const keepRules = [
  'window',
  'daily',
  'weekly',
  'monthly',
  'yearly',
  'last proven',
  'parent',
  'held',
  'asked about',
  'too young',
  'nothing is proven',
  'unreadable',
] as const;
export type KeepRule = (typeof keepRules)[number];

const keptSchema = z.strictObject({
  id: anyId,
  what: z.enum(['backup', 'dump']),
  /** null: it cannot be read */
  at: instant.nullable(),
  storedBytes: count,
  rules: z.array(z.enum(keepRules)).min(1),
});
export type Kept = z.infer<typeof keptSchema>;

const goneSchema = z.strictObject({
  id: anyId,
  /** leftover: of a backup or dump that was never committed */
  what: z.enum(['backup', 'dump', 'leftover']),
  /** null: a leftover has none */
  at: instant.nullable(),
  /** null: nobody counted them */
  storedBytes: count.nullable(),
  /** in words */
  why: z.string(),
});
export type Gone = z.infer<typeof goneSchema>;

/**
 * What of a system's WAL goes. `cut`: what ends at or before `before`, was stored before `storedBefore`, and has nothing of
 * a stretch in `keep`; `all`: everything, and only if all of it was stored before `storedBefore` (of a purge: what was stored
 * before, whatever came since); `none`: nothing. History files always stay.
 */
const stretchSchema = z.strictObject({ from: lsnText, to: lsnText, backup: backupIdSchema });
export const walRuleSchema = z.discriminatedUnion('rule', [
  z.strictObject({ systemId, rule: z.literal('none'), segmentSize: count, why: z.string() }),
  z.strictObject({ systemId, rule: z.literal('all'), storedBefore: instant }),
  z.strictObject({
    systemId,
    rule: z.literal('cut'),
    segmentSize: count,
    before: lsnText,
    storedBefore: instant,
    /** of kept backups, from start to stop, in whole segments; in LSN order */
    keep: z.array(stretchSchema),
  }),
]);
export type WalRule = z.infer<typeof walRuleSchema>;
export type KeptStretch = z.infer<typeof stretchSchema>;

/** Instants that can be restored without a hole, by the WAL that was read back. */
const stretchOfTime = z.strictObject({ systemId, from: instant, to: instant });
export type TimeStretch = z.infer<typeof stretchOfTime>;

/** `executions/retention/<name>/plan.json`: what goes and what stays, and why. Put once; docs/format.md. */
export const retentionPlanSchema = z.strictObject({
  format: z.literal('lifeboat-retention/1'),
  source: z.string(),
  /** the instant that it was decided for */
  at: instant,
  /** everything goes that nothing but a hold, a question, the lock or its being unreadable keeps; absent: the rules decide */
  purge: z.literal(true).exactOptional(),
  /** of a purge: why, in the words of who asked for it */
  reason: z.string().exactOptional(),
  rules: z.strictObject({ windowDays: count, daily: count, weekly: count, monthly: count, yearly: count }),
  timezone: z.string(),
  lockDays: count,
  /** every instant since then that could be restored can be restored afterwards */
  windowStart: instant,
  keeps: z.array(keptSchema),
  goes: z.array(goneSchema),
  wal: z.array(walRuleSchema),
  /** chunks of segments that are stored and read back as a whole go when they were stored before */
  chunksBefore: instant,
  lost: z.strictObject({
    before: z.array(stretchOfTime),
    after: z.array(stretchOfTime),
    /** backups and dumps that could be restored, and go */
    points: z.array(anyId),
  }),
  /** what a person should know, in words */
  notes: z.array(z.string()),
  /** of the backups and dumps that go; their WAL comes on top */
  bytes: count,
  /** SHA-256 of everything above */
  hash,
});
export type RetentionPlan = z.infer<typeof retentionPlanSchema>;

/** What the task `expire` did. What an earlier attempt deleted already is not counted. */
export const expireResultSchema = z.strictObject({
  source: z.string(),
  /** of the plan that was carried out */
  hash,
  backups: z.array(backupIdSchema),
  dumps: z.array(dumpIdSchema),
  leftovers: z.array(anyId),
  /** WAL: pieces before the horizon, and chunks of segments that are stored as a whole */
  wal: z.strictObject({ pieces: count, chunks: count }),
  /** verified, verification and proof records that went with what they are about */
  records: count,
  /** of executions and notices */
  old: count,
  /** all of the above */
  objects: count,
  bytes: count,
  startedAt: instant,
  finishedAt: instant,
});
export type ExpireResult = z.infer<typeof expireResultSchema>;

/** `catalog/<source>/holds/<id>/<time>.json`: that a backup or dump may not go, or may again. The newest counts. */
export const holdSchema = z.strictObject({
  format: z.literal('lifeboat-hold/1'),
  source: z.string(),
  id: anyId,
  /** released: the plan's rules decide again */
  state: z.enum(['held', 'released']),
  reason: z.string(),
  by: z.string(),
  at: instant,
  /** it is released by itself then; null: only by somebody */
  until: instant.nullable(),
});
export type Hold = z.infer<typeof holdSchema>;
