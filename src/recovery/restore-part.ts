import type { PartRecord } from '#pipeline/part-record';
import { TarReader } from '#pipeline/tar-reader';
import type { OpenBackup } from '#recovery/open-backup';
import { type ArchiveTarget, ArchiveWriter, isIncremental } from '#recovery/write-archive';

/** One part to restore, and the parts after it that only go on with an INCREMENTAL file which began before them. */
export interface PartJob {
  part: PartRecord;
  continuation: PartRecord[];
}

/** The parts of a backup as jobs that can run in any order and at the same time. */
export async function* partJobs(parts: AsyncIterable<PartRecord>): AsyncGenerator<PartJob> {
  let held: PartJob | undefined;
  for await (const part of parts) {
    const resumed = part.start.entry;
    const goesOn = resumed !== undefined && isIncremental(resumed.path) && held?.part.archive === part.archive;
    if (held && goesOn) held.continuation.push(part);
    // A part that is wholly inside one INCREMENTAL file has nothing of its own to restore.
    if (held && goesOn && isInsideOneFile(part)) continue;
    if (held) yield held;
    held = { part, continuation: [] };
  }
  if (held) yield held;
}

const isInsideOneFile = (part: PartRecord): boolean =>
  part.files.length === 0 && part.start.entry!.size - part.start.entry!.offset >= part.rawBytes;

/** Answers how many raw bytes were read. */
export async function restorePart(
  backup: OpenBackup,
  job: PartJob,
  target: ArchiveTarget,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const writer = new ArchiveWriter(target, job.part.start.entry);
  const reader = new TarReader(writer, job.part.start);
  try {
    for await (const block of backup.partBlocks(job.part)) {
      reader.feed(block);
      onBytes(block.length);
    }
    for (const part of job.continuation) {
      writer.finishPatchOnly();
      for await (const block of backup.partBlocks(part)) {
        if (!writer.needsNextPart) break;
        reader.feed(block);
      }
    }
  } finally {
    writer.close();
  }
}
