import { open, readFile, stat } from 'node:fs/promises';
import { InputInvalid, WalBroken } from '#model/failure';
import { advance } from '#model/lsn';
import { parseHistory } from '#model/timeline';
import { isSegmentName, parseSegmentName, segmentStart, type WalSegment } from '#model/wal-segment';
import { blockBytesOf, maxPieceBytes } from '#pipeline/cut-wal';
import type { KeyRing } from '#pipeline/data-key';
import { parseControlFile } from '#postgres/control-file';
import { checkSegmentHeader, longHeaderBytes } from '#postgres/wal-page';
import type { ObjectStore } from '#store/object-store';
import { type WalStored, WalWriter } from './wal-writer.ts';

export interface PushWal {
  source: string;
  store: ObjectStore;
  /** undefined: the plan says `encryption: none` */
  keyRing: KeyRing | undefined;
  /** the file to archive (`%p`) and what it is called (`%f`) */
  path: string;
  name: string;
  /** whose global/pg_control says which system this is */
  dataDir: string;
  /** of zstd */
  level: number;
  signal?: AbortSignal;
}

/**
 * `not needed`: a file that no recovery reads. A backup history file, since the manifest says what it does; and the
 * `.partial` of a segment above 32 MiB, since the new timeline's first segment begins with the same WAL.
 */
export type PushOutcome = WalStored | 'not needed';

/**
 * One file for archive_command. Settles only once the store has answered: PostgreSQL then forgets the file.
 * @throws WalBroken when it is not what its name says, belongs to another system, or when another file of that name is
 * stored; InputInvalid for a name that PostgreSQL does not archive; StoreUnavailable; StoreRefused
 */
export async function pushWalFile(push: PushWal): Promise<PushOutcome> {
  const { name } = push;
  const base = name.slice(0, 24);
  if (isSegmentName(name)) return pushSegment(push, name, false);
  if (isSegmentName(base) && name === `${base}.partial`) return pushSegment(push, base, true);
  if (isSegmentName(base) && /^\.[0-9A-F]{8}\.backup$/.test(name.slice(24))) return 'not needed';
  if (/^[0-9A-F]{8}\.history$/.test(name)) return pushHistory(push, Number.parseInt(name.slice(0, 8), 16));
  throw new InputInvalid('file', name, 'a WAL segment (or .partial, .history, .backup), as %p gives it');
}

async function pushSegment(push: PushWal, segmentFile: string, partial: boolean): Promise<PushOutcome> {
  const { path } = push;
  await using file = await open(path);
  const { size, mtime } = await file.stat();
  const head = Buffer.alloc(longHeaderBytes);
  await file.read(head, 0, head.length, 0);
  const { segment: found } = checkSegmentHeader(head, await expectedSystem(push.dataDir));
  const segmentSize = found.segmentSizeBytes;
  const segment = parseSegmentName(segmentFile, segmentSize);
  checkSegmentHeader(head, { name: segment, segmentSize });
  if (partial && segmentSize > maxPieceBytes) return 'not needed';
  if (size !== segmentSize) throw wrongSize(push.name, size, segmentSize);
  const writer = await WalWriter.create({ ...push, systemId: found.systemIdentifier, segmentSize });
  let outcome: WalStored = 'already there';
  for (const { from, bytes } of blocksOf(segmentSize)) {
    const block = Buffer.allocUnsafeSlow(bytes);
    const { bytesRead } = await file.read(block, 0, bytes, from);
    if (bytesRead !== bytes) throw wrongSize(push.name, from + bytesRead, segmentSize);
    const stored = await writer.put({
      ...rangeOf(segment, segmentSize, from, bytes),
      bytes: block,
      time: mtime,
      partial,
    });
    if (stored === 'stored') outcome = stored;
  }
  return outcome;
}

/** A segment of more than 32 MiB is stored as chunks, as the receiver does. */
function* blocksOf(segmentSize: number): Generator<{ from: number; bytes: number }> {
  const bytes = blockBytesOf(segmentSize);
  for (let from = 0; from < segmentSize; from += bytes) yield { from, bytes };
}

function rangeOf(segment: WalSegment, segmentSize: number, from: number, bytes: number) {
  const start = advance(segmentStart(segment, segmentSize), from);
  return { timeline: segment.timeline, start, end: advance(start, bytes) };
}

async function pushHistory(push: PushWal, timeline: number): Promise<WalStored> {
  const content = await readFile(push.path);
  parseHistory(timeline, content.toString('utf8'));
  const { mtime } = await stat(push.path);
  const { systemId, segmentSize } = await expectedSystem(push.dataDir);
  if (systemId === undefined || segmentSize === undefined) {
    throw new InputInvalid(
      'data directory',
      push.dataDir,
      'a folder with global/pg_control, since a history file does not say whose it is',
      'PostgreSQL runs archive_command in its data directory: run it there',
    );
  }
  const writer = await WalWriter.create({ ...push, systemId, segmentSize });
  return writer.putHistory(timeline, content, mtime);
}

/** What the data directory that we are in says; nothing when it is none. */
async function expectedSystem(dataDir: string): Promise<{ systemId?: string; segmentSize?: number }> {
  const control = await readFile(`${dataDir}/global/pg_control`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (!control) return {};
  const { systemIdentifier, walSegmentSizeBytes } = parseControlFile(control);
  return { systemId: systemIdentifier, segmentSize: walSegmentSizeBytes };
}

const wrongSize = (name: string, found: number, expected: number): WalBroken =>
  new WalBroken(`wal segment ${name} has ${found} bytes, expected ${expected}`, {
    operation: 'push wal',
    subject: name,
    hint: 'the file was truncated, or is still being written',
  });
