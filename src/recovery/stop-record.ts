import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lsn } from '#model/lsn';
import { isSegmentName, nextSegment, parseSegmentName, segmentAt, segmentStart } from '#model/wal-segment';
import { parseControlFile } from '#postgres/control-file';
import { walkEvents } from '#postgres/wal-events';

/**
 * When the transaction ended whose end is the record at `position`; undefined when it is another record.
 *
 * A server that stops after a position does so before it looks at the record there: when that is a commit, which was
 * replayed, pg_last_xact_replay_timestamp() still tells the one before. (recoveryStopsAfter in xlogrecovery.c)
 */
export async function endTimeAt(dataDir: string, position: Lsn): Promise<bigint | undefined> {
  const control = parseControlFile(await readFile(join(dataDir, 'global', 'pg_control')));
  const { walSegmentSizeBytes: segmentSize, walBlockSizeBytes: pageSize, systemIdentifier: systemId } = control;
  const segment = segmentAt(0, position, segmentSize);
  let micros: bigint | undefined;
  const walker = walkEvents({
    kinds: ['commit', 'abort'],
    start: segmentStart(segment, segmentSize),
    segmentSize,
    pageSize,
    systemId,
    onEvent(event) {
      if (event.lsn === position && 'timeMicros' in event) micros = event.timeMicros;
    },
  });
  // The record may go on in the next segment.
  for (const { number } of [segment, nextSegment(segment)]) {
    const file = await newestFile(join(dataDir, 'pg_wal'), number, segmentSize);
    if (file === undefined) break;
    for await (const bytes of createReadStream(file, { highWaterMark: 1 << 20 })) {
      walker.feed(bytes as Buffer);
      const { ended, at } = walker.result;
      if (ended === 'invalid record' || at > position) return micros;
    }
  }
  return micros;
}

/** The server reads a segment on the newest timeline that has it. */
async function newestFile(folder: string, number: bigint, segmentSize: number): Promise<string | undefined> {
  const names = (await readdir(folder)).filter(isSegmentName).sort();
  const name = names.findLast((name) => parseSegmentName(name, segmentSize).number === number);
  return name && join(folder, name);
}
