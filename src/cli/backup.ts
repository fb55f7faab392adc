import { acquireLease, withLease } from '#catalog/lease';
import { defineCommand } from '#cli/command';
import { formatBytes } from '#cli/format-bytes';
import type { Output } from '#cli/output';
import type { Progress } from '#cli/progress';
import type { BackupKind } from '#model/backup-id';
import { chooseSource } from '#model/choose-source';
import { formatDuration } from '#model/duration';
import { InputInvalid } from '#model/failure';
import { type Manifest, startTime, stopTime, summarize } from '#model/manifest';
import { connectOptions } from '#runtime/connect-options';
import { openBucket } from '#runtime/open-bucket';
import { cores, thisProcess } from '#runtime/this-process';
import { type BackupProgress, takeBaseBackup } from '#tasks/base-backup';
import { collectWal } from '#tasks/collect-wal';

export const command = defineCommand({
  name: 'backup',
  summary: 'take a full or incremental backup',
  help: `Copies the cluster over the replication protocol into the bucket: compressed, encrypted as the plan says, hashed, and
without anything on this machine's disk. The WAL that the copy needs is stored beside it, so that a backup is complete
by itself; it counts once its manifest is there, which comes last.

--type incremental sends only blocks that changed since the last backup (PostgreSQL 17 and newer, summarize_wal = on).
Where the server cannot do that, a full backup is taken instead, and said.

Needs two replication connections and one free slot. One backup of a source at a time.`,
  examples: ['lifeboat backup', 'lifeboat backup --source orders --type incremental', 'lifeboat backup --json'],
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan (needed when it has several)' },
    type: { flags: '--type <type>', summary: 'full or incremental (default: full)', parse: parseType },
    requestedBy: { flags: '--requested-by <name>', summary: 'who asks for it (default: the user and host)' },
  },

  async run({ source, type, requestedBy }, { plan, environment, signal, output, now }) {
    const { name, connection: to, compressionLevel: level } = chooseSource(await plan(), source, '--source');
    const { store, keyRing } = await openBucket(await plan(), environment);
    const connection = await connectOptions(to, environment);
    const holder = thisProcess();
    const lease = await acquireLease(store, name, 'backup', { holder });
    const shown = new ShownProgress(output);
    try {
      const { manifest, fallback } = await withLease(lease, (leaseSignal) =>
        takeBaseBackup({
          source: name,
          kind: type ?? 'full',
          store,
          keyRing,
          connection,
          level,
          lanes: cores(),
          wal: collectWal({ source: name, store, keyRing, connection, level }),
          requestedBy: requestedBy ?? `${environment.USER ?? environment.LOGNAME ?? 'somebody'}@${holder.host}`,
          execution: null,
          startedAt: now(),
          signal: AbortSignal.any([signal, leaseSignal]),
          onProgress: (progress) => shown.show(progress),
          onWarning: (text) => output.warn(text),
        }),
      );
      shown.end();
      if (fallback !== undefined) output.warn(`a full backup was taken: ${fallback}`);
      output.print(describe(manifest), {
        ...summarize(manifest),
        parts: manifest.parts.length,
        fallback: fallback ?? null,
      });
    } finally {
      shown.end();
    }
  },
});

function parseType(text: string, field: string): BackupKind {
  if (text === 'full') return 'full';
  if (text === 'incremental' || text === 'incr') return 'incr';
  throw new InputInvalid(field, text, 'full or incremental');
}

function describe(manifest: Manifest): string {
  const { backup, rawBytes, storedBytes, start, stop, encryption } = manifest;
  const took = formatDuration(stopTime(manifest).getTime() - startTime(manifest).getTime());
  return [
    `backup ${backup} is committed`,
    `  copied   ${formatBytes(rawBytes)} in ${took}, stored as ${formatBytes(storedBytes)}${encryption ? ', encrypted' : ''}`,
    `  WAL      ${start.lsn} to ${stop.lsn} on timeline ${stop.timeline}`,
    `  restores to ${stop.time} and later, as far as WAL is stored`,
  ].join('\n');
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
