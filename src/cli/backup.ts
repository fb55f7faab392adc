import { acquireLease } from '#catalog/lease';
import { storedAt } from '#catalog/stored-at';
import { backupByMachine } from '#cli/backup-by-machine';
import { defineCommand } from '#cli/command';
import { describeBackup } from '#cli/describe-backup';
import { type DirectWork, leaveEvidence } from '#cli/leave-evidence';
import { findMachines, stateOption } from '#cli/open-machines';
import type { Output } from '#cli/output';
import type { Progress } from '#cli/progress';
import { snapshotByMachine } from '#cli/snapshot-by-machine';
import { UsageInvalid } from '#cli/usage-invalid';
import type { BackupKind } from '#model/backup-id';
import { chooseAny } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import { type Manifest, summarize } from '#model/manifest';
import { connectOptions } from '#runtime/connect-options';
import { openBucket } from '#runtime/open-bucket';
import { thisProcess } from '#runtime/this-process';
import type { ObjectStore } from '#store/object-store';
import { backupSource } from '#tasks/backup-source';
import type { BackupProgress } from '#tasks/base-backup';

export const command = defineCommand({
  name: 'backup',
  summary: 'take a full or incremental backup',
  help: `Copies the cluster over the replication protocol into the bucket: compressed, encrypted as the plan says, hashed, and
without anything on this machine's disk. The WAL that the copy needs is stored beside it, so that a backup is complete
by itself; it counts once its manifest is there, which comes last.

--type incremental sends only blocks that changed since the last backup (PostgreSQL 17 and newer, summarize_wal = on).
Where the server cannot do that, a full backup is taken instead, and said.

Where \`lifeboat up\` runs, or the plan is deployed on AWS, its machine takes the backup, and verifies and proves it
afterwards; else, or with --direct, it is taken in this process.

Of a database that RDS runs, RDS takes a snapshot, and copies it where the plan says.

Needs two replication connections and one free slot. One backup of a source at a time.`,
  examples: ['lifeboat backup', 'lifeboat backup --source orders --type incremental', 'lifeboat backup --json'],
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan (needed when it has several)' },
    type: { flags: '--type <type>', summary: 'full or incremental (default: full)', parse: parseType },
    requestedBy: { flags: '--requested-by <name>', summary: 'who asks for it (default: the user and host)' },
    noWait: { flags: '--no-wait', summary: 'let the machine do it, and do not wait for its end' },
    direct: { flags: '--direct', summary: 'do it in this process' },
    state: stateOption,
  },

  async run({ source, type, requestedBy, noWait, direct, state }, context) {
    const { plan, environment, signal, output, now } = context;
    const chosen = chooseAny(await plan(), source, '--source');
    if (chosen.kind === 'rds') {
      const only = type === undefined && !direct;
      if (!only) throw new UsageInvalid(`${chosen.name} is a database that RDS runs`, 'leave --type and --direct out');
      return snapshotByMachine({ source: chosen.name, requestedBy, wait: !noWait, state }, context);
    }
    const machines = direct ? undefined : await findMachines(context, state);
    if (machines) {
      const asked = { source: chosen.name, kind: type ?? 'full', requestedBy, wait: !noWait } as const;
      return backupByMachine(machines, asked, context).finally(() => machines.close());
    }
    const vault = await openBucket(await plan(), environment);
    const connection = await connectOptions(chosen.connection, environment);
    const holder = thisProcess();
    const lease = await acquireLease(vault.store, chosen.name, 'backup', { holder });
    const shown = new ShownProgress(output);
    const who = requestedBy ?? `${environment.USER ?? environment.LOGNAME ?? 'somebody'}@${holder.host}`;
    const work = directBackup({ store: vault.store, bucket: (await plan()).bucket, source: chosen.name, who });
    try {
      const { manifest, fallback } = await leaveEvidence(work, context, () =>
        backupSource({
          source: chosen,
          vault,
          connection,
          kind: type ?? 'full',
          lease,
          requestedBy: who,
          execution: null,
          startedAt: now(),
          signal,
          onProgress: (progress) => shown.show(progress),
          onWarning: (text) => output.warn(text),
        }),
      );
      shown.end();
      if (fallback !== undefined) output.warn(`a full backup was taken: ${fallback}`);
      output.print(describeBackup(manifest), {
        ...summarize(manifest),
        parts: manifest.parts.length,
        fallback: fallback ?? null,
      });
    } finally {
      shown.end();
    }
  },
});

interface DirectBackup {
  store: ObjectStore;
  bucket: string;
  source: string;
  who: string;
}

const directBackup = ({ store, bucket, source, who }: DirectBackup): DirectWork<{ manifest: Manifest }> => ({
  ...{ store, work: 'backup', source, who, planHash: null },
  failed: { kind: 'backup', object: null, storedAt: null, bytes: null, verification: null },
  succeeded: ({ manifest }) => {
    const { backup: object, kind } = manifest;
    const bytes = manifest.parts.reduce((sum, part) => sum + part.storedBytes, 0);
    return {
      what: `backed up ${source}: ${object}${kind === 'full' ? '' : ', incremental'}`,
      details: { kind: 'backup', object, storedAt: storedAt(bucket, source, object), bytes, verification: null },
    };
  },
});

function parseType(text: string, field: string): BackupKind {
  if (text === 'full') return 'full';
  if (text === 'incremental' || text === 'incr') return 'incr';
  throw new InputInvalid(field, text, 'full or incremental');
}

/** One bar for the copy; the phases around it as remarks. */
class ShownProgress {
  readonly #output: Output;
  #bar: Progress | undefined;
  #doneBytes = 0;
  #phase: BackupProgress['phase'] | undefined;

  constructor(output: Output) {
    this.#output = output;
  }

  show({ phase, doneBytes, totalBytes }: BackupProgress): void {
    if (phase !== this.#phase) this.#enter(phase, totalBytes);
    if (phase !== 'copy') return;
    this.#bar?.advance(doneBytes - this.#doneBytes);
    this.#doneBytes = doneBytes;
  }

  #enter(phase: BackupProgress['phase'], totalBytes: number): void {
    this.#phase = phase;
    if (phase === 'checkpoint') this.#output.note('the server makes a checkpoint');
    if (phase === 'copy') this.#bar = this.#output.progress('copy', totalBytes);
    if (phase === 'wal') this.end();
    if (phase === 'wal') this.#output.note('storing the WAL that the copy needs');
  }

  end(): void {
    this.#bar?.end();
    this.#bar = undefined;
  }
}
