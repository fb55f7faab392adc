import { resolve } from 'node:path';
import { type CommandContext, defineCommand } from '#cli/command';
import { describeKeys, describeRekeyed } from '#cli/describe-keys';
import { RekeyRecorder } from '#cli/record-rekeyed';
import { UsageInvalid } from '#cli/usage-invalid';
import { parseBackupId } from '#model/backup-id';
import { chooseAny } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import { parseKmsArn } from '#model/kms-arn';
import { openKeyRing, openStoreAt } from '#runtime/open-bucket';
import { thisProcess } from '#runtime/this-process';
import { type KeysListed, listKeys } from '#tasks/list-keys';
import { type RekeyOutcome, rekeySource } from '#tasks/rekey';

export const command = defineCommand({
  name: 'rekey',
  summary: 'wrap data keys by the key of the plan',
  help: `Backups, dumps and WAL are encrypted with data keys, and these are wrapped by the key that the plan names. After the plan has
got another key, this wraps the data keys of everything that is stored by it, too: parts and WAL are not touched, and
nothing is overwritten; each new wrap is a small object below <source>/keys/. Interrupted or run again it goes on with
what is left. What the old key wrapped is unwrapped by the plan's own keys (a KMS key: whichever these credentials may
decrypt with), else by those of --from-key-file and --from-kms-key.

KEEP THE OLD KEY until this ends with exit code 0, no process writes with it any more, and --list shows nothing that only
it opens. What only a deleted key opens is lost for good, whoever asks for it.

A KMS key that rotates by itself needs none of this: it keeps what it needs for older data keys, under the same ARN.

Reads the header of each piece of WAL, one request for each. What is in an archive class of S3 cannot be read: that is told,
the exit code is 6, and it needs the old key until it expires.`,
  examples: [
    'lifeboat rekey --list',
    'lifeboat rekey --from-key-file old.key --dry-run',
    'lifeboat rekey --from-key-file old.key',
    'lifeboat rekey --source orders --backup 20261120T051345123Z-full',
  ],
  options: {
    source: { flags: '--source <name>', summary: 'only this source (default: all)' },
    backup: {
      flags: '--backup <id>',
      summary: 'only this backup',
      parse: (text: string) => parseBackupId(text).id,
    },
    wal: { flags: '--wal', summary: 'only WAL; beside --backup that, too' },
    fromKeyFile: { flags: '--from-key-file <file>', summary: 'the key file that holds old keys', repeatable: true },
    fromKmsKey: {
      flags: '--from-kms-key <arn>',
      summary: 'the old KMS key, where the plan names none',
      repeatable: true,
      parse: parseArn,
    },
    list: { flags: '--list', summary: 'tell which keys are in use, and what only they open' },
    dryRun: { flags: '--dry-run', summary: 'unwrap everything, and put nothing' },
    requestedBy: { flags: '--requested-by <name>', summary: 'who asks for it (default: the user and host)' },
  },

  async run(input, context) {
    const { plan: readPlan, environment, cwd, output, signal, now } = context;
    const { source, backup, wal, fromKeyFile, fromKmsKey, list, dryRun, requestedBy } = input;
    if (list && (dryRun || fromKeyFile.length > 0 || fromKmsKey.length > 0)) {
      throw new UsageInvalid('--list needs no key and changes nothing', 'leave out the other options');
    }
    const plan = await readPlan();
    const isOne = source !== undefined || backup !== undefined;
    const names = (isOne ? [chooseAny(plan, source, '--source')] : [...plan.sources, ...plan.managed]).map(
      ({ name }) => name,
    );
    const all = backup === undefined && !wal;
    const scope = { backup, backups: all || backup !== undefined, wal: all || wal, signal };
    const store = await openStoreAt(plan.bucket, environment);
    if (list) {
      const listed: KeysListed[] = [];
      for (const name of names) {
        listed.push(
          await counted(`keys of ${name}`, (onObjects) => listKeys(store, { ...scope, source: name, onObjects })),
        );
      }
      output.print(describeKeys(listed), { sources: listed });
      return listed.some(({ unread }) => unread > 0) ? 6 : 0;
    }

    const current = await openKeyRing(plan, environment);
    if (!current) throw new InputInvalid('encryption', 'none', 'a key', 'what is stored in clear has no data key');
    const old = await Promise.all([
      ...fromKeyFile.map((file) => openKeyRing({ encryption: { keyFile: resolve(cwd, file) } }, environment)),
      ...fromKmsKey.map((kmsKey) => openKeyRing({ encryption: { kmsKey } }, environment)),
    ]);
    const who = requestedBy ?? (await whoRekeys(context));
    const work = { ...scope, store, current, old: old.filter((ring) => ring !== undefined), dryRun, now };
    const outcomes: RekeyOutcome[] = [];
    for (const name of names) {
      const recorder = new RekeyRecorder(store, name, { who, at: now() });
      const onRewrapped = (keyId: string) => recorder.count(keyId);
      const rekeyed = counted(`rekey ${name}`, (onObjects) =>
        rekeySource({ ...work, source: name, onObjects, onRewrapped }),
      );
      // also of what was interrupted
      const outcome = await rekeyed.finally(() => recorder.record());
      outcomes.push(outcome);
    }
    output.print(describeRekeyed(outcomes, dryRun), { dryRun, sources: outcomes });
    const problems = outcomes.flatMap((outcome) => outcome.problems);
    if (problems.length === 0) return 0;
    return problems.some(({ kind }) => kind === 'damage') ? 6 : 8;

    async function counted<T>(label: string, work: (onObjects: (count: number) => void) => Promise<T>): Promise<T> {
      const bar = output.progress(label, undefined, 'objects');
      return work((count) => bar.advance(count)).finally(() => bar.end());
    }
  },
});

/** On AWS whose credentials these are, elsewhere the user and host. */
async function whoRekeys({ stack, environment }: CommandContext): Promise<string> {
  if (await stack()) return (await import('#runtime/prove-caller')).callerArn(environment);
  return `${environment.USER ?? environment.LOGNAME ?? 'somebody'}@${thisProcess().host}`;
}

function parseArn(text: string, field: string): string {
  if (parseKmsArn(text)) return text;
  throw new InputInvalid(field, text, "a KMS key's ARN like arn:aws:kms:eu-central-1:111122223333:key/…");
}
