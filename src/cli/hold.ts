import { readBackup } from '#catalog/backups';
import { readDump } from '#catalog/dumps';
import { recordEvidence } from '#catalog/evidence';
import { putHold, readHolds } from '#catalog/holds';
import { type CommandContext, defineCommand } from '#cli/command';
import { UsageInvalid } from '#cli/usage-invalid';
import { type BackupId, isBackupId, parseBackupId } from '#model/backup-id';
import { chooseAny } from '#model/choose-source';
import { type DumpId, isDumpId, parseDumpId } from '#model/dump-id';
import { InputInvalid } from '#model/failure';
import type { Hold } from '#model/retention-record';
import { openStoreAt } from '#runtime/open-bucket';
import { thisPerson } from '#runtime/this-process';
import type { ObjectStore } from '#store/object-store';

export const command = defineCommand({
  name: 'hold',
  summary: 'keep one backup or dump, whatever the rules say; or no longer',
  help: `Retention removes nothing that is held, nor what it builds on, nor the WAL that it needs to become consistent. A hold
ends with --release, or by itself at --until. Who held what, and why, is kept as evidence.

A hold keeps retention away, and nobody else: against people who may delete there is the bucket's own lock.`,
  examples: [
    'lifeboat hold 20261120T051345123Z-full --reason "audit 2026" --until 2027-06-30',
    'lifeboat hold 20261120T051345123Z-full --release --reason "the audit is over"',
  ],
  arguments: { id: { summary: 'a backup or dump (`lifeboat backups`, `lifeboat dumps`)', parse: parseId } },
  options: {
    reason: { flags: '--reason <text>', summary: 'why; needed', parse: parseReason },
    until: { flags: '--until <time>', summary: 'when it ends by itself, a date or an instant', parse: parseUntil },
    release: { flags: '--release', summary: 'let the rules decide again' },
    source: { flags: '--source <name>', summary: 'source in the plan (needed when it has several)' },
    as: { flags: '--as <name>', summary: 'who says so (default: the user; on AWS, the identity)' },
  },

  async run({ id, reason, until, release, source: asked, as }, context) {
    const { plan: readPlan, environment, output, now } = context;
    if (reason === undefined) throw new InputInvalid('--reason', reason, 'why, in a few words: it is kept as evidence');
    if (release && until !== undefined)
      throw new UsageInvalid('--until is of a hold', 'leave out --until or --release');
    const plan = await readPlan();
    const { name: source } = chooseAny(plan, asked, '--source');
    const at = now();
    if (until !== undefined && until <= at) throw new InputInvalid('--until', until.toISOString(), 'a time to come');
    const store = await openStoreAt(plan.bucket, environment);
    await (release ? requireHeld(store, source, id, at) : requireThere(store, source, id));
    const hold: Hold = {
      ...{ format: 'lifeboat-hold/1', source, id, state: release ? 'released' : 'held', reason },
      ...{ by: as ?? (await whoHolds(context)), at: at.toISOString(), until: until?.toISOString() ?? null },
    };
    await putHold(store, hold);
    if (!release) await requireHolds(store, hold, now());
    await recordEvidence(store, deedOf(hold));
    output.print(describe(hold), hold);
  },
});

const endOf = ({ until }: Hold): string => (until === null ? 'until somebody releases it' : `until ${until}`);

const describe = (hold: Hold): string =>
  hold.state === 'held'
    ? `${hold.id} of ${hold.source} is held ${endOf(hold)}: ${hold.reason}`
    : `${hold.id} of ${hold.source} is released: the plan's rules decide again`;

const deedOf = (hold: Hold) =>
  ({
    id: `hold/${hold.source}/${hold.id}/${hold.at}/${hold.by}`.slice(0, 1_000),
    who: hold.by,
    what:
      hold.state === 'held'
        ? `held ${hold.id} of ${hold.source} ${endOf(hold)}: ${hold.reason}`
        : `released ${hold.id} of ${hold.source}: ${hold.reason}`,
    source: hold.source,
    when: hold.at,
    outcome: 'succeeded',
    ...{ execution: null, planHash: null, approval: null },
  }) as const;

async function requireThere(store: ObjectStore, source: string, id: BackupId | DumpId): Promise<void> {
  if (isDumpId(id)) await readDump(store, source, id);
  else await readBackup(store, source, id);
}

async function requireHeld(store: ObjectStore, source: string, id: BackupId | DumpId, now: Date): Promise<void> {
  if ((await readHolds(store, source, now)).some((hold) => hold.id === id)) return;
  throw new InputInvalid('id', id, `something of ${source} that is held`, 'list it with `lifeboat holds`');
}

/** Retention may have removed it while this was put, and a clock that was ahead may have put a release that is newer. */
async function requireHolds(store: ObjectStore, { source, id, at }: Hold, now: Date): Promise<void> {
  await requireThere(store, source, id);
  const isInForce = (await readHolds(store, source, now)).some((hold) => hold.id === id && hold.at >= at);
  if (isInForce) return;
  throw new InputInvalid(
    'id',
    id,
    `one that nobody released at a later time than ${at}`,
    'look at the clocks, and hold it again',
  );
}

/** On AWS whose credentials these are, elsewhere the user. */
async function whoHolds({ stack, environment }: CommandContext): Promise<string> {
  if (await stack()) return (await import('#runtime/prove-caller')).callerArn(environment);
  return thisPerson(environment);
}

function parseId(text: string, field: string): BackupId | DumpId {
  if (isBackupId(text)) return parseBackupId(text).id;
  if (isDumpId(text)) return parseDumpId(text).id;
  const allowed = 'the id of a backup or dump, like 20261120T051345123Z-full';
  throw new InputInvalid(field, text, allowed, 'list them with `lifeboat backups` and `lifeboat dumps`');
}

function parseReason(text: string, field: string): string {
  if (/\S/.test(text) && text.length <= 500) return text;
  throw new InputInvalid(field, text, 'a reason of at most 500 letters');
}

function parseUntil(text: string, field: string): Date {
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const at = new Date(isTime ? text : Number.NaN);
  if (!Number.isNaN(at.getTime())) return at;
  throw new InputInvalid(field, text, 'a date like 2027-06-30 or an instant like 2027-06-30T12:00:00Z');
}
