import { z } from 'zod';
import { backupIdSchema, backupKinds } from '#model/backup-id';
import { dumpIdSchema, dumpKinds } from '#model/dump-id';
import { expireResultSchema } from '#model/retention-record';

/**
 * What a task leaves in the bucket for the machine that started it, put on condition that there is none yet:
 *
 *     executions/<machine>/<execution name>/<step>.json                       how it went, once
 *     executions/<machine>/<execution name>/<step>.failure-<startedAt>.json   why it did not, one for each attempt
 *
 * Bytes, durations and counts are JSON numbers; LSNs are text as PostgreSQL prints it; instants are ISO 8601 in UTC.
 */
const count = z.number().int().nonnegative();
const instant = z.iso.datetime();
const point = z.strictObject({ lsn: z.string(), timeline: z.number().int().positive(), time: instant });
const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** Indices of a manifest's parts: `from` is one of them, `to` is the first that is not. */
const partRangeSchema = z.strictObject({ from: count, to: count });
export type PartRange = z.infer<typeof partRangeSchema>;

export const baseBackupResultSchema = z.strictObject({
  source: z.string(),
  backup: backupIdSchema,
  kind: z.enum(backupKinds),
  parent: backupIdSchema.nullable(),
  rawBytes: count,
  storedBytes: count,
  start: point,
  stop: point,
  /** why a full backup was taken where an incremental one was asked for */
  fallback: z.string().nullable(),
  /** what a person should know, though the backup is good */
  warnings: z.array(z.string()),
  durationMs: count,
});
export type BaseBackupResult = z.infer<typeof baseBackupResultSchema>;

export const verifyPartResultSchema = z.strictObject({
  source: z.string(),
  backup: backupIdSchema,
  /** which parts were read back; null: none */
  parts: partRangeSchema.nullable(),
  /** whether the WAL between the backup's start and stop was read */
  wal: z.boolean(),
  rawBytes: count,
  /** what is wrong, in words; empty: everything is as it was written */
  damage: z.array(z.string()),
  durationMs: count,
});
export type VerifyPartResult = z.infer<typeof verifyPartResultSchema>;

export const checkResultSchema = z.strictObject({
  check: z.string(),
  ok: z.boolean(),
  /** what was found, and what was expected where that differs */
  detail: z.string(),
  durationMs: count,
});

/** Where a replay stopped; `time` is the commit time of the last transaction that was replayed. */
const pointReachedSchema = z.strictObject({
  lsn: z.string(),
  time: z.string().nullable(),
  stoppedAt: z.string(),
  timeline: z.number().int().positive(),
});

const phasesMs = z.strictObject({ files: count, replay: count, checks: count });

/** What a restore did; also `lifeboat.restore.json` in the data directory that it made. */
export const restoreRecordSchema = z.strictObject({
  /** restored: laid down and never started */
  state: z.enum(['restored', 'replayed']),
  source: z.string(),
  systemId: z.string(),
  chain: z.array(z.string()).readonly(),
  target: z.string(),
  planHash: hash,
  requestedBy: z.string(),
  /** who said yes to the plan with this hash; null: nobody was asked */
  approvedBy: z.string().nullable(),
  /** the state machine's execution that it belongs to */
  execution: z.string().nullable(),
  startedAt: instant,
  finishedAt: instant,
  dataDir: z.string(),
  setAside: z.array(z.string()),
  /** not there when the server was not started */
  reached: pointReachedSchema.exactOptional(),
  /** the line that the promotion added to the history of timelines */
  history: z.strictObject({ timeline: z.number().int().positive(), content: z.string() }).exactOptional(),
  checks: z.array(checkResultSchema),
  durationsMs: phasesMs,
});
export type RestoreRecord = z.infer<typeof restoreRecordSchema>;

const drillVerdicts = ['proven', 'broken'] as const;

/** What a drill found out about a backup. A drill that could not be carried out leaves none, but a failure. */
export const drillResultSchema = z.strictObject({
  source: z.string(),
  /** the one that was restored: the last of the chain */
  backup: backupIdSchema,
  /** the full backup first, then the incrementals on it */
  chain: z.array(backupIdSchema),
  /** in words, as it was asked for */
  target: z.string(),
  /** null: there was no plan, since what the backup itself needs is not stored */
  planHash: hash.nullable(),
  /** the same as `verdict` being `proven` */
  ok: z.boolean(),
  verdict: z.enum(drillVerdicts),
  /** what broke on the way; null when the cluster ran, even when it then answered a check wrongly */
  failure: z.strictObject({ name: z.string(), message: z.string() }).nullable(),
  /** null: the cluster never got there */
  reached: pointReachedSchema.nullable(),
  checks: z.array(checkResultSchema),
  durationsMs: phasesMs,
  /** of all backups of the chain */
  rawBytes: count,
  /** from the start of the newest backup to the point that was reached */
  walBytes: count,
  startedAt: instant,
  finishedAt: instant,
});
export type DrillResult = z.infer<typeof drillResultSchema>;

/** The answer to `{"source", "clean": true}`: which leftovers of dead drills were removed. */
const drillCleanupSchema = z.strictObject({ removed: z.array(z.string()) });
export type DrillCleanup = z.infer<typeof drillCleanupSchema>;

export const dumpResultSchema = z.strictObject({
  source: z.string(),
  dump: dumpIdSchema,
  kind: z.enum(dumpKinds),
  /** names, in the order in which they were dumped */
  databases: z.array(z.string()),
  rawBytes: count,
  storedBytes: count,
  /** what a person should know, though the dump is good */
  warnings: z.array(z.string()),
  durationMs: count,
});
export type DumpResult = z.infer<typeof dumpResultSchema>;

export const dumpVerdicts = ['verified', 'proven', 'broken'] as const;

/** What reading a dump back, and restoring it, found out. What could not be carried out leaves none, but a failure. */
export const proveDumpResultSchema = z.strictObject({
  source: z.string(),
  dump: dumpIdSchema,
  /** the same as `verdict` not being `broken` */
  ok: z.boolean(),
  /** verified: all bytes are as they were written; proven: and every database was restored and answered its checks */
  verdict: z.enum(dumpVerdicts),
  /** whether all of it was restored into a server */
  restored: z.boolean(),
  /** what broke on the way; null when everything was restored, even when a check was then answered wrongly */
  failure: z.strictObject({ name: z.string(), message: z.string() }).nullable(),
  checks: z.array(checkResultSchema),
  /** those that were restored, with how many tables they then had */
  databases: z.array(z.strictObject({ name: z.string(), tables: count, durationMs: count })),
  /** that were read back */
  rawBytes: count,
  durationMs: count,
  startedAt: instant,
  finishedAt: instant,
});
export type ProveDumpResult = z.infer<typeof proveDumpResultSchema>;

/** How a site's server was made a standby, or a primary from the bucket. */
export const rebuildResultSchema = z.strictObject({
  group: z.string(),
  site: z.string(),
  as: z.enum(['standby', 'primary']),
  /**
   * nothing: it was so already; followed: its files only had to be told whom to follow; rewound: what was only there was taken
   * back; restored: from the bucket; replica: by a service, or by a document on its machine
   */
  how: z.enum(['nothing', 'followed', 'rewound', 'restored', 'replica']),
  /** where it had gone another way than the primary; null: it had not, or that is not known */
  divergedAt: z.string().nullable(),
  /** where what only this server had is kept; null: there was nothing */
  keptAside: z.string().nullable(),
  /** that were copied or restored */
  rawBytes: count,
  durationMs: count,
  startedAt: instant,
  finishedAt: instant,
});
export type RebuildResult = z.infer<typeof rebuildResultSchema>;

/** By task name; receive-wal is a service and leaves none. */
export const taskResultSchemas = {
  'base-backup': baseBackupResultSchema,
  'verify-part': verifyPartResultSchema,
  restore: restoreRecordSchema,
  drill: z.union([drillResultSchema, drillCleanupSchema]),
  dump: dumpResultSchema,
  'prove-dump': proveDumpResultSchema,
  expire: expireResultSchema,
  'rebuild-standby': rebuildResultSchema,
};

/** The object that holds a task's result. */
export const resultObjectSchema = z.strictObject({
  format: z.literal('lifeboat-result/1'),
  task: z.string(),
  /** the execution's ARN */
  execution: z.string(),
  startedAt: instant,
  finishedAt: instant,
  /** of the shape above that belongs to the task */
  result: z.unknown(),
});
export type ResultObject = z.infer<typeof resultObjectSchema>;

/** The object that says why an attempt failed. Its message and hint are the failure's, without secrets. */
export const failureObjectSchema = z.strictObject({
  format: z.literal('lifeboat-failure/1'),
  failure: z.strictObject({
    name: z.string(),
    message: z.string(),
    hint: z.string().nullable(),
    /** null: a bug, or something that nobody thought of */
    verdict: z.enum(['retry', 'permanent', 'operator']).nullable(),
  }),
});
export type FailureObject = z.infer<typeof failureObjectSchema>;
