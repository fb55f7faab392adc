import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { advance, type Lsn } from '#model/lsn';
import { segmentAt, segmentName, segmentStart } from '#model/wal-segment';
import type { ControlFile } from '#postgres/control-file';
import { recordEnd } from '#postgres/record-end';

/**
 * Where the WAL of a primary ends that was shut down cleanly: behind the record of its last checkpoint, which says nothing
 * follows. A standby that received all of it says exactly this in pg_last_wal_receive_lsn (measured with 15 and 18: a
 * fast shutdown sends that record, too, before it lets its WAL senders go). null when it was not shut down cleanly.
 */
export async function shutdownEnd(dataDir: string, control: ControlFile): Promise<Lsn | null> {
  if (control.state !== 'shut down') return null;
  const lengthBytes = await recordLength(dataDir, control);
  if (lengthBytes === undefined) return null;
  const { walBlockSizeBytes: pageSize, walSegmentSizeBytes: segmentSize } = control;
  return recordEnd(control.checkpoint, lengthBytes, { pageSize, segmentSize });
}

/** Its first four bytes say it. undefined: that segment is not there any more. */
async function recordLength(dataDir: string, control: ControlFile): Promise<number | undefined> {
  const { timeline, checkpoint, walSegmentSizeBytes: size } = control;
  const segment = segmentAt(timeline, checkpoint, size);
  const offset = Number(advance(checkpoint, -segmentStart(segment, size)));
  const file = await open(join(dataDir, 'pg_wal', segmentName(segment, size))).catch(() => undefined);
  if (!file) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, offset);
    const lengthBytes = buffer.readUInt32LE(0);
    return bytesRead === 4 && lengthBytes >= shortest && lengthBytes <= longest ? lengthBytes : undefined;
  } finally {
    await file.close();
  }
}

/** Of a checkpoint's record: its header alone, and much more than any version's. */
const shortest = 24;
const longest = 1024;
