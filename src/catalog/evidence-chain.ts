import { readProjection } from '#catalog/change-projection';
import { evidenceEnd, maxRecordBytes } from '#catalog/evidence';
import { type ChainEnd, chainBegin, digestOf, type Evidence, evidenceSchema } from '#model/evidence';
import { ObjectMissing } from '#model/failure';
import { evidenceEndKey, evidenceFolder, evidenceKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';

/** What was done to evidence that is not as it was written. */
export interface EvidenceFinding {
  found:
    | 'removed'
    | 'changed'
    | 'inserted'
    | 'reordered'
    | 'cut off'
    | 'rewritten'
    | 'head removed'
    | 'head changed'
    | 'head forged'
    | 'unsigned';
  key: string;
  /** goes on behind the key */
  problem: string;
}

export interface ChainWalk {
  /** the last record up to which all is as it should be */
  end: ChainEnd;
  /** where that is not the end */
  broken?: EvidenceFinding;
  /** objects that belong to no chain */
  strange: EvidenceFinding[];
}

/**
 * Go through the records behind `from`, each compared with the one before, up to the first that does not follow, and on to
 * where the catalog says that they end. `seen` is told of each that does.
 */
export async function walkChain(
  store: ObjectStore,
  seen: (sequence: number, digest: string) => void = () => undefined,
  from: ChainEnd = chainBegin,
): Promise<ChainWalk> {
  const known = await readProjection(store, evidenceEnd);
  const strange: EvidenceFinding[] = [];
  let before: ChainEnd = chainBegin;
  let end = from;
  // what follows a record may tell that it was changed
  const stopped = (broken: EvidenceFinding): ChainWalk => ({
    end: broken.key === evidenceKey(end.sequence) ? before : end,
    broken,
    strange,
  });
  for await (const { key } of store.list(evidenceFolder, startAt(from))) {
    const expected = evidenceKey(end.sequence + 1);
    if (!/^\d{12}\.json$/.test(key.slice(evidenceFolder.length))) {
      strange.push({ found: 'inserted', key, problem: 'is no record: Lifeboat puts nothing of that name here' });
      continue;
    }
    if (key !== expected) {
      return stopped({ found: 'removed', key: expected, problem: `is missing, and ${key} is there` });
    }
    const bytes = await readObject(store, key, { maxBytes: maxRecordBytes });
    const broken = await breakAt(store, { key, bytes, before, end, knownDigest: known.digest });
    if (broken) return stopped(broken);
    before = end;
    end = { sequence: end.sequence + 1, digest: digestOf(bytes) };
    seen(end.sequence, end.digest!);
    if (end.sequence === known.sequence && end.digest !== known.digest) {
      const problem = `was changed: its SHA-256 is ${end.digest}, ${evidenceEndKey} says ${known.digest}`;
      return stopped({ found: 'changed', key, problem });
    }
  }
  if (end.sequence >= known.sequence) return { end, strange };
  const problem = `is missing: ${evidenceEndKey} knows records up to ${known.sequence}`;
  return stopped({ found: 'cut off', key: evidenceKey(end.sequence + 1), problem });
}

const startAt = ({ sequence }: ChainEnd) => (sequence > 0 ? { startAfter: evidenceKey(sequence) } : {});

interface Place {
  key: string;
  bytes: Buffer;
  /** the record before the one before this */
  before: ChainEnd;
  /** the one before this */
  end: ChainEnd;
  knownDigest: string | null;
}

async function breakAt(store: ObjectStore, place: Place): Promise<EvidenceFinding | undefined> {
  const { key, bytes, before, end } = place;
  const parsed = evidenceSchema.safeParse(fromJson(bytes));
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    return { found: 'changed', key, problem: `is no evidence: ${path.join('.')}: ${message}` };
  }
  const record = parsed.data;
  if (record.sequence === end.sequence + 1 && record.previous === end.digest) return undefined;
  if (end.sequence > 1 && record.previous === before.digest) {
    const problem = `was put in: ${key} follows the record before it, ${evidenceKey(before.sequence)}`;
    return { found: 'inserted', key: evidenceKey(end.sequence), problem };
  }
  if (record.sequence !== end.sequence + 1) return await misplaced(store, key, record, end.sequence + 1);
  return await changed(store, place, record);
}

/** Its number is another one than its name says. */
async function misplaced(
  store: ObjectStore,
  key: string,
  { sequence: said }: Evidence,
  expected: number,
): Promise<EvidenceFinding> {
  const there = said > expected ? await readRecordAt(store, said) : undefined;
  if (there?.record?.sequence === expected) {
    return { found: 'reordered', key, problem: `is record ${said}: it and ${evidenceKey(said)} have changed places` };
  }
  if (said === expected + 1 && (there === undefined || there.record?.sequence === said + 1)) {
    const problem = `says that it is record ${said}: record ${expected} was taken out, and what followed moved up`;
    return { found: 'removed', key, problem };
  }
  return { found: 'changed', key, problem: `says that it is record ${said}` };
}

/** It does not follow the one before it: either of them was changed. The one behind knows which. */
async function changed(store: ObjectStore, place: Place, record: Evidence): Promise<EvidenceFinding> {
  const { key, bytes, end, knownDigest } = place;
  const next = await readRecordAt(store, end.sequence + 2);
  const isAsItWas = next ? next.record?.previous === digestOf(bytes) : knownDigest === digestOf(bytes);
  if (!isAsItWas || end.sequence === 0) {
    const problem = `was changed: it follows a record with SHA-256 ${record.previous}, the one before it has ${end.digest}`;
    return { found: 'changed', key, problem };
  }
  const problem = `was changed: its SHA-256 is ${end.digest}, the record behind it says ${record.previous}`;
  return { found: 'changed', key: evidenceKey(end.sequence), problem };
}

/** undefined: there is none; without a record: it is none. */
async function readRecordAt(store: ObjectStore, sequence: number): Promise<{ record?: Evidence } | undefined> {
  try {
    const bytes = await readObject(store, evidenceKey(sequence), { maxBytes: maxRecordBytes });
    const { data } = evidenceSchema.safeParse(fromJson(bytes));
    return data ? { record: data } : {};
  } catch (failure) {
    if (failure instanceof ObjectMissing) return undefined;
    throw failure;
  }
}

function fromJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined; // the schema refuses it
  }
}
