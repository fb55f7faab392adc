import { z } from 'zod';
import { backupIdSchema } from '#model/backup-id';
import { InputInvalid } from '#model/failure';
import { databaseId } from '#model/managed-source';
import { listOf, oneOf, text, yesOrNo } from '#model/plan-field';
import { fields, readInput } from '#model/read-input';
import { parseInstant } from '#model/recovery-target';

/*
 * What a person, the scheduler or another machine starts the machines with. A mistake is answered before anything is
 * done; what is left out has one meaning, which stands beside the field.
 */

const sourceName = () => text('the name of a source in the plan');
const source = sourceName().exactOptional();
const backup = backupIdSchema.exactOptional();
/** When the scheduler meant it to start. */
const scheduledTime = text('an instant like 2026-11-20T05:13:45Z', /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z$/);
const asked = {
  requestedBy: text('the name of who asks for it, at most 200 letters', /^[^\n]{1,200}$/).exactOptional(),
  scheduledTime: scheduledTime.exactOptional(),
};

const backupInput = fields({
  /** default: all sources of the plan */
  source,
  /** several of them, each once */
  sources: listOf(sourceName(), 'names of sources in the plan, each once')
    .refine((names) => names.length > 0 && new Set(names).size === names.length, {
      error: 'names of sources in the plan, each once',
    })
    .exactOptional(),
  /** default: full */
  type: oneOf(['full', 'incremental']).exactOptional(),
  ...asked,
});
export type BackupInput = z.infer<typeof backupInput>;

export function readBackupInput(input: unknown): BackupInput {
  const read = readInput(backupInput, input);
  if (read.source !== undefined && read.sources !== undefined) {
    throw new InputInvalid('sources', read.sources, 'nothing beside a source', 'leave out source or sources');
  }
  return read;
}

const dumpInput = fields({
  source,
  /** default: what the plan says */
  schemaOnly: yesOrNo().exactOptional(),
  ...asked,
});
export type DumpInput = z.infer<typeof dumpInput>;
/** By pg_dump. */
export const readDumpInput = (input: unknown): DumpInput => readInput(dumpInput, input);

const retentionInput = fields({
  source,
  /** whether most of what there is may go at once; default: false */
  most: yesOrNo().exactOptional(),
  ...asked,
  /** everything of the source goes, whatever the rules say */
  purge: z.literal(true, { error: 'true, or leave it out' }).exactOptional(),
  /** of a purge: why */
  reason: text('a reason of at most 500 letters', /^[\s\S]{1,500}$/).exactOptional(),
});
export type RetentionInput = z.infer<typeof retentionInput>;

/** What goes, the plan's rules say; of a purge a person does, by name and with a reason, and never a schedule. */
export function readRetentionInput(input: unknown): RetentionInput {
  const read = readInput(retentionInput, input);
  const { purge, source, reason, most, scheduledTime } = read;
  if (!purge && reason !== undefined) throw new InputInvalid('reason', reason, 'nothing without a purge');
  if (!purge) return read;
  if (most !== undefined) throw new InputInvalid('most', most, 'nothing beside purge', 'leave out most or purge');
  if (scheduledTime !== undefined)
    throw new InputInvalid('scheduledTime', scheduledTime, 'nothing beside purge: no schedule asks for it');
  if (source === undefined) throw new InputInvalid('source', source, 'the name of the source that is purged');
  if (reason?.trim()) return read;
  throw new InputInvalid('reason', reason, 'why everything is to go: it is shown, and kept as evidence');
}

const verifyInput = fields({
  source,
  backup,
  /** default: true, what is whole is proven next */
  drill: yesOrNo().exactOptional(),
  ...asked,
});
export type VerifyInput = z.infer<typeof verifyInput>;
/** By hand; without a backup it is the newest. */
export const readVerifyInput = (input: unknown): VerifyInput => readInput(verifyInput, input);

const scrubInput = fields({ source, ...asked });
/** What is read back once more, is chosen by when it was last. */
export const readScrubInput = (input: unknown): z.infer<typeof scrubInput> => readInput(scrubInput, input);

const drillInput = fields({
  source,
  /** restored to its own end */
  backup,
  /** default: newest, the last point that is stored */
  target: oneOf(['newest', 'random']).exactOptional(),
  ...asked,
});
export type DrillInput = z.infer<typeof drillInput>;

export function readDrillInput(input: unknown): DrillInput {
  const read = readInput(drillInput, input);
  if (read.backup !== undefined && read.target !== undefined) {
    throw new InputInvalid('target', read.target, 'nothing beside a backup', 'leave out target or backup');
  }
  return read;
}

const absolute = text('the absolute path of a directory', /^\/+[^/\0\n][^\0\n]*$/);
const word = z.union([z.string(), z.number(), z.boolean()], { error: 'text, a number, true or false' });
const digits = (allowed: string) =>
  z
    .custom<string | number>((value) => /^\d{1,10}$/.test(String(value)), { error: allowed })
    .transform((value) => String(value))
    .exactOptional();
const yes = () => z.literal(true, { error: 'true, or leave it out' }).exactOptional();

const restoreInput = fields({
  source,
  /** the data directory to make */
  to: absolute,
  /** one of these six; default: latest */
  time: text('a date, a time and a zone, like 2026-11-20 05:13:45Z').exactOptional(),
  lsn: text('an LSN like 16/B374D848').exactOptional(),
  xid: digits('a transaction id from 3 to 4294967295'),
  name: text('the name of a restore point').exactOptional(),
  immediate: yes(),
  latest: yes(),
  exclusive: yesOrNo().exactOptional(),
  action: oneOf(['promote', 'pause', 'shutdown']).exactOptional(),
  timeline: digits('a number from 1'),
  backup,
  /** rename what lies at the places to restore to */
  setAside: yesOrNo().exactOptional(),
  /** a tablespace's location or oid, and its new place */
  tablespaces: z
    .record(text('the location or oid of a tablespace', /^(\/[^=\n]*|\d+)$/), absolute, {
      error: 'a map of old to new places',
    })
    .exactOptional(),
  /** of the server, while it replays */
  settings: z
    .record(text('the name of a server setting', /^[a-z_][\w.]*$/i), word, { error: 'a map of server settings' })
    .exactOptional(),
  /** why, for those who approve and for the evidence */
  reason: text('a reason of at most 500 letters', /^[\s\S]{1,500}$/).exactOptional(),
  // no schedule restores: whose wish it is has to be known
  requestedBy: asked.requestedBy,
});
export type RestoreInput = z.infer<typeof restoreInput>;
export const readRestoreInput = (input: unknown): RestoreInput => readInput(restoreInput, input);

const snapshotInput = fields({ source, ...asked });
/** Of a database that RDS runs. */
export const readSnapshotInput = (input: unknown): z.infer<typeof snapshotInput> => readInput(snapshotInput, input);

const rdsRestoreInput = fields({
  source,
  /** the identifier of the instance or cluster to make */
  to: databaseId(),
  /** one of these three; default: latest */
  time: text(
    'an instant like 2026-11-20T05:13:45Z',
    /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/,
  ).exactOptional(),
  snapshot: text("a snapshot's identifier", /^(?:rds:)?[A-Za-z][A-Za-z0-9-]{0,254}$/).exactOptional(),
  latest: yes(),
  /** default: the one that the database is in */
  subnetGroup: text('the name of a DB subnet group', /^[\w .-]{1,255}$/).exactOptional(),
  /** default: the one of the VPC */
  securityGroups: listOf(text("a security group's id", /^sg-[0-9a-f]{1,17}$/), 'security groups')
    .refine((groups) => groups.length > 0, { error: 'one security group at least, or leave it out' })
    .exactOptional(),
  /** default: the one that the instance has; a cluster's instance needs one */
  instanceClass: text('a class like db.r6g.large', /^db\.[a-z0-9.-]{1,40}$/).exactOptional(),
  reason: text('a reason of at most 500 letters', /^[\s\S]{1,500}$/).exactOptional(),
  requestedBy: asked.requestedBy,
});
export type RdsRestoreInput = z.infer<typeof rdsRestoreInput>;

export function readRdsRestoreInput(input: unknown): RdsRestoreInput {
  const read = readInput(rdsRestoreInput, input);
  const points = (['time', 'snapshot', 'latest'] as const).filter((point) => read[point] !== undefined);
  if (points.length > 1) throw new InputInvalid('target', points.join(' and '), 'one of time, snapshot, latest');
  if (read.time !== undefined && Number.isNaN(Date.parse(read.time)))
    throw new InputInvalid('time', read.time, 'an instant that there is, like 2026-11-20T05:13:45Z');
  return read;
}

const systemRecoveryInput = fields({
  /** default: the plan's only one */
  system: text('the name of a system in the plan').exactOptional(),
  /** the same instant for all of its sources; default: the latest point of each */
  time: text('a date, a time and a zone, like 2026-11-20 05:13:45Z').exactOptional(),
  latest: yes(),
  reason: text('a reason of at most 500 letters', /^[\s\S]{1,500}$/).exactOptional(),
  requestedBy: asked.requestedBy,
});
export type SystemRecoveryInput = z.infer<typeof systemRecoveryInput>;

/** All of a system's sources, and what stands on them. */
export function readSystemRecoveryInput(input: unknown): SystemRecoveryInput {
  const read = readInput(systemRecoveryInput, input);
  if (read.time !== undefined && read.latest)
    throw new InputInvalid('target', 'time and latest', 'one of time, latest');
  if (read.time !== undefined) parseInstant(read.time, 'time');
  return read;
}

const failbackInput = fields({
  /** default: the plan's only group */
  group: text('the name of a group in the plan').exactOptional(),
  reason: text('a reason of at most 500 letters', /^[\s\S]{1,500}$/).exactOptional(),
  requestedBy: asked.requestedBy,
});
export type FailbackInput = z.infer<typeof failbackInput>;
export const readFailbackInput = (input: unknown): FailbackInput => readInput(failbackInput, input);

const failoverInput = fields({
  /** default: the plan's only group */
  group: text('the name of a group in the plan').exactOptional(),
  /** default: the site that does not have the primary */
  to: text('the name of a site of the group').exactOptional(),
  /** nothing is lost: the primary answers, and writes are stopped first */
  planned: yesOrNo().exactOptional(),
  /** everything but what changes the live pair */
  rehearse: yesOrNo().exactOptional(),
  /** when the old primary cannot be fenced, or more is lost than the plan allows */
  force: yesOrNo().exactOptional(),
  reason: text('a reason of at most 500 letters', /^[\s\S]{1,500}$/).exactOptional(),
  requestedBy: asked.requestedBy,
  /** by the watch, since the primary is gone */
  proposed: yesOrNo().exactOptional(),
});
export type FailoverInput = z.infer<typeof failoverInput>;

/** What is proposed or planned is never forced, and a rehearsal is nothing else. */
export function readFailoverInput(input: unknown): FailoverInput {
  const read = readInput(failoverInput, input);
  const kinds = (['planned', 'rehearse', 'force', 'proposed'] as const).filter((kind) => read[kind]);
  if (kinds.length > 1) throw new InputInvalid(kinds[1]!, true, `nothing beside ${kinds[0]}`, `leave out ${kinds[1]}`);
  return read;
}

/** Who asks: a person who says so, the schedule, or nobody that we know. */
export const requesterOf = ({ requestedBy, scheduledTime }: { requestedBy?: string; scheduledTime?: string }): string =>
  requestedBy ?? (scheduledTime === undefined ? 'somebody' : 'schedule');
