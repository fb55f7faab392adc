import { z } from 'zod';
import { type BackupId, backupIdSchema } from '#model/backup-id';
import { checkResultSchema, type DrillResult } from '#model/task-result';

const count = z.number().int().nonnegative();
const instant = z.iso.datetime();

/** Reading a whole backup back, with the WAL that it needs. */
export const verificationSchema = z.strictObject({
  format: z.literal('lifeboat-verification/1'),
  source: z.string(),
  backup: backupIdSchema,
  /** names the generation of the manifest that the parts were compared with; not there: it was not noted */
  version: z.string().exactOptional(),
  ok: z.boolean(),
  /** what is wrong, in words */
  damage: z.array(z.string()),
  at: instant,
  /** null: from the command line */
  execution: z.string().nullable(),
  durationMs: count,
});
export type Verification = z.infer<typeof verificationSchema>;

/**
 * What a drill showed about one backup. `proven`: it was restored, PostgreSQL started, replayed and answered the checks.
 * `broken`: it could not be, or it answered otherwise. `not carried out`: the drill failed by itself (no disk, no server
 * program, stopped), which says nothing about the backup.
 *
 * A drill of an incremental backup lays its whole chain down as one cluster, so it proves exactly that backup. Its
 * parents are not proven by it: what they have and the incremental replaced was never looked at by a server.
 */
export const proofSchema = z.strictObject({
  format: z.literal('lifeboat-proof/1'),
  source: z.string(),
  /** the newest of the chain */
  backup: backupIdSchema,
  /** the full backup first; empty when there was no plan */
  chain: z.array(backupIdSchema),
  /** in words, as it was asked for */
  target: z.string(),
  verdict: z.enum(['proven', 'broken', 'not carried out']),
  /** the same as `verdict` being `proven` */
  ok: z.boolean(),
  reached: z
    .strictObject({ lsn: z.string(), time: z.string().nullable(), timeline: z.number().int().positive() })
    .nullable(),
  checks: z.array(checkResultSchema),
  durationsMs: z.strictObject({ files: count, replay: count, checks: count }),
  /** of all backups of the chain */
  rawBytes: count,
  /** from the start of the newest backup to the point that was reached */
  walBytes: count,
  failure: z.strictObject({ name: z.string(), message: z.string() }).nullable(),
  execution: z.string().nullable(),
  startedAt: instant,
  finishedAt: instant,
});
export type Proof = z.infer<typeof proofSchema>;

/** The proof that a drill's result is. */
export function proofOfDrill(result: DrillResult, execution: string | null): Proof {
  const { source, backup, chain, target, verdict, checks, durationsMs, rawBytes, walBytes } = result;
  const { failure, startedAt, finishedAt, reached } = result;
  return {
    format: 'lifeboat-proof/1',
    source,
    backup,
    chain,
    target,
    verdict,
    ok: verdict === 'proven',
    reached: reached && { lsn: reached.lsn, time: reached.time, timeline: reached.timeline },
    checks,
    durationsMs,
    rawBytes,
    walBytes,
    failure,
    execution,
    startedAt,
    finishedAt,
  };
}

export interface DrillNotCarriedOut {
  source: string;
  backup: BackupId;
  target: string;
  failure: { name: string; message: string };
  execution: string | null;
  startedAt: string;
  finishedAt: string;
}

/** The record of a drill that failed by itself. */
export const drillNotCarriedOut = (drill: DrillNotCarriedOut): Proof => ({
  format: 'lifeboat-proof/1',
  ...drill,
  chain: [],
  verdict: 'not carried out',
  ok: false,
  reached: null,
  checks: [],
  durationsMs: { files: 0, replay: 0, checks: 0 },
  rawBytes: 0,
  walBytes: 0,
});
