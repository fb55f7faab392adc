import { proofOfLaterWal } from '#catalog/end-of-wal';
import { readInventory, type WalInventory } from '#catalog/wal-inventory';
import { InputInvalid, ObjectMissing, WalBroken } from '#model/failure';
import { advance, formatLsn, type Lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import { isSegmentName, parseSegmentName, segmentEnd, segmentStart } from '#model/wal-segment';
import { checkSegmentHeader, longHeaderBytes } from '#postgres/wal-page';
import { placeFile, type Write } from '#recovery/place-file';
import type { WalReader } from '#recovery/read-wal';
import { chooseChunks, listChunks, readChunks, type SegmentPlace, segmentKey } from '#recovery/segment-chunks';
import { historyKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

export interface FetchWal {
  store: ObjectStore;
  reader: WalReader;
  source: string;
  systemId: string;
  segmentSize: number;
  /** what PostgreSQL asks for (`%f`): a segment, a history file, … */
  name: string;
  /** where it wants it (`%p`) */
  to: string;
  /** The recovery plan needs no WAL from here on: what is missing there is no gap. */
  neededUntil?: Lsn;
  signal?: AbortSignal;
}

export type FetchOutcome =
  | { outcome: 'fetched'; from: 'segment' | 'chunks' | 'history' }
  /** nothing later is stored on this timeline */
  | { outcome: 'end of wal' }
  /** a history or backup file that does not exist: PostgreSQL asks for these to find out */
  | { outcome: 'no such file' };

/**
 * One file for restore_command. It appears under its name only when all of it has been checked: that it is the WAL that
 * the name says, of this system, and as it was stored.
 * @throws WalBroken when the segment is missing though later WAL exists: to say "end of WAL" would lose rows silently;
 * ObjectDamaged; KeyUnusable; StoreUnavailable; StoreRefused
 */
export async function fetchWalFile(request: FetchWal): Promise<FetchOutcome> {
  const { name } = request;
  if (isSegmentName(name)) return fetchSegment(request);
  const history = /^([0-9A-F]{8})\.history$/.exec(name);
  if (history) return fetchHistory(request, Number.parseInt(history[1]!, 16));
  if (/^[0-9A-F]{24}\.[0-9A-F]{8}\.backup$/.test(name)) return { outcome: 'no such file' };
  throw new InputInvalid('file', name, 'the name of a WAL segment or of a timeline history, as %f gives it');
}

async function fetchHistory(request: FetchWal, timeline: Timeline): Promise<FetchOutcome> {
  const { reader, source, systemId, to, signal } = request;
  try {
    const key = historyKey(source, systemId, timeline);
    const content = await reader.readHistory(key, { source, systemId, timeline }, signal);
    await placeFile(to, async (write) => write(0, content));
    return { outcome: 'fetched', from: 'history' };
  } catch (failure) {
    if (failure instanceof ObjectMissing) return { outcome: 'no such file' };
    throw failure;
  }
}

/** WAL may arrive while we look: then we look again. */
async function fetchSegment(request: FetchWal): Promise<FetchOutcome> {
  const place = placeOf(request);
  for (;;) {
    if (await fetchWholeSegment(request)) return { outcome: 'fetched', from: 'segment' };
    const outcome = await fetchChunks(request, place);
    if (outcome) return outcome;
  }
}

/** False when it is not stored as a whole. */
export async function fetchWholeSegment(request: Omit<FetchWal, 'neededUntil'>): Promise<boolean> {
  const { reader, source, systemId, segmentSize, signal, to } = request;
  const place = placeOf(request);
  const { segment } = place;
  const range = { start: segmentStart(segment, segmentSize), end: segmentEnd(segment, segmentSize) };
  try {
    const walPlace = { source, systemId, timeline: segment.timeline, ...range, segmentSize };
    const blocks = (await reader.open(segmentKey(place), walPlace, signal)).blocks();
    await writeSegment(place, to, async (write) => {
      let offset = 0;
      for await (const block of blocks) {
        await write(offset, block);
        offset += block.length;
      }
      if (offset !== segmentSize) throw shortSegment(request.name, offset, segmentSize);
    });
    return true;
  } catch (failure) {
    if (failure instanceof ObjectMissing) return false;
    throw failure;
  }
}

/**
 * The rest of a segment that was never completed is zeros, which PostgreSQL reads as the end of WAL.
 * undefined: more was stored in the meantime.
 */
async function fetchChunks(request: FetchWal, place: SegmentPlace): Promise<FetchOutcome | undefined> {
  const { store, reader, to, signal } = request;
  const { segment, segmentSize } = place;
  const chunks = chooseChunks(await listChunks(store, place, signal));
  const start = segmentStart(segment, segmentSize);
  const end = advance(start, chunks.at(-1)?.to ?? 0);
  if (end < segmentEnd(segment, segmentSize)) {
    const inventory = await inventoryFrom(request, start);
    const known = inventory.timelines.get(segment.timeline)?.intervals[0];
    if (known && known.start <= start && known.end > end) return undefined;
    refuseGap(request, inventory, segment.timeline, end);
    // What an older timeline has of this segment says as much: PostgreSQL asks for that next.
    if (chunks.length === 0 || end <= beginOf(inventory, segment.timeline)) return { outcome: 'end of wal' };
  }
  await writeSegment(place, to, (write) => readChunks(reader, place, chunks, write, signal));
  return { outcome: 'fetched', from: 'chunks' };
}

function inventoryFrom(request: FetchWal, from: Lsn): Promise<WalInventory> {
  const { store, reader, source, systemId, segmentSize, signal } = request;
  return readInventory(store, reader, source, systemId, { from, segmentSize, ...(signal ? { signal } : {}) });
}

const beginOf = (inventory: WalInventory, timeline: Timeline): Lsn =>
  inventory.histories.get(timeline)?.ancestors.at(-1)?.switchpoint ?? (0n as Lsn);

/** @throws WalBroken when there is WAL after `end` that a recovery would miss */
function refuseGap(request: FetchWal, inventory: WalInventory, timeline: Timeline, end: Lsn): void {
  const { name, neededUntil } = request;
  const proof = proofOfLaterWal(inventory, timeline, end);
  if (!proof || (neededUntil !== undefined && end >= neededUntil)) return;
  throw new WalBroken(`${name} is not stored from ${formatLsn(end)} on, and WAL does not end there: ${proof}`, {
    operation: 'fetch wal',
    subject: name,
    hint:
      `recovery stops here on purpose, or it would go on without what is missing: recover to a target before ` +
      `${formatLsn(end)}, or from a backup that was taken after the gap (lifeboat window shows them)`,
  });
}

function placeOf({ source, systemId, segmentSize, name }: Omit<FetchWal, 'neededUntil'>): SegmentPlace {
  return { source, systemId, segment: parseSegmentName(name, segmentSize), segmentSize };
}

async function writeSegment(place: SegmentPlace, to: string, fill: (write: Write) => Promise<void>): Promise<void> {
  const { systemId, segmentSize, segment } = place;
  const head = Buffer.alloc(longHeaderBytes);
  await placeFile(
    to,
    async (write) => {
      await fill(async (offset, bytes) => {
        if (offset < head.length) bytes.copy(head, offset);
        await write(offset, bytes);
      });
      checkSegmentHeader(head, { name: segment, systemId, segmentSize });
    },
    segmentSize,
  );
}

const shortSegment = (name: string, found: number, expected: number): WalBroken =>
  new WalBroken(`${name} is stored with ${found} bytes, expected ${expected}`, {
    operation: 'fetch wal',
    subject: name,
  });
