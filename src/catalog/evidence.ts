import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { changeProjection, type Projection, readProjection } from '#catalog/change-projection';
import { readHeads } from '#catalog/evidence-heads';
import { parseRecord, printRecord, putRecord, readRecord } from '#catalog/put-record';
import { chainBegin, type Deed, digestOf, type Evidence, evidenceSchema, recordAfter } from '#model/evidence';
import { StoreUnavailable } from '#model/failure';
import { evidenceEndKey, evidenceFolder, evidenceIdKey, evidenceKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';

/*
 * evidence/000000000001.json, …2.json, …: each with the digest of the one before. A number is taken by putting on
 * condition that there is no such object, so of two writers one goes on behind the other.
 *
 * What was recorded is found by its id: an object catalog/evidence/<digest of the id>.json tells its number. Who died
 * between the record and that object left the record among the newest ones, which are looked at by everybody who adds one.
 */
const endSchema = z.strictObject({
  format: z.literal('lifeboat-evidence-end/1'),
  sequence: z.number().int().nonnegative(),
  digest: z.string().nullable(),
  /** the newest signed head */
  head: z.strictObject({ date: z.iso.date(), digest: z.string() }).exactOptional(),
  /** the newest records' ids, oldest first */
  recent: z.array(z.strictObject({ sequence: z.number().int().positive(), id: z.string() })),
});
export type EvidenceEnd = z.infer<typeof endSchema>;
type End = EvidenceEnd;

export const evidenceEnd: Projection<End> = {
  key: evidenceEndKey,
  schema: endSchema,
  empty: { format: 'lifeboat-evidence-end/1', ...chainBegin, recent: [] },
};

const keptRecent = 100;
const tries = 100;
export const maxRecordBytes = 4 << 20;

export interface Recorded {
  key: string;
  sequence: number;
  /** what has this id was recorded before */
  again: boolean;
}

/**
 * Add a record to the chain, once for each id.
 * @throws StoreUnavailable when others are faster every time; ObjectDamaged when the last record is none
 */
export async function recordEvidence(store: ObjectStore, deed: Deed): Promise<Recorded> {
  const known = await readRecord(store, evidenceIdKey(digestOf(deed.id)), numberSchema);
  if (known && (await hasId(store, known.sequence, deed.id))) return recorded(known.sequence, true);
  let end = await readProjection(store, evidenceEnd);
  for (let attempt = 0; attempt < tries; attempt++) {
    end = await followToEnd(store, end);
    const earlier = end.recent.find(({ id }) => id === deed.id);
    if (earlier) return await noteRecorded(store, end, deed.id, recorded(earlier.sequence, true));
    const bytes = printRecord(evidenceSchema.parse(recordAfter(end, deed)));
    const { sequence } = withRecord(end, deed.id, bytes);
    const outcome = await store.put(evidenceKey(sequence), bytes, { condition: 'absent' });
    if (outcome.stored)
      return await noteRecorded(store, withRecord(end, deed.id, bytes), deed.id, recorded(sequence, false));
    await sleep(Math.random() * Math.min(500, 2 ** attempt));
  }
  throw new StoreUnavailable(`others recorded ${tries} times before ${deed.id} could be`, {
    operation: 'record evidence',
    subject: evidenceFolder,
  });
}

/** Whether something was recorded under this id: by its note, or among the newest. */
export async function isRecorded(store: ObjectStore, id: string): Promise<boolean> {
  const known = await readRecord(store, evidenceIdKey(digestOf(id)), numberSchema);
  if (known && (await hasId(store, known.sequence, id))) return true;
  const { recent } = await followToEnd(store, await readProjection(store, evidenceEnd));
  return recent.some((one) => one.id === id);
}

/** The note only saves looking: who can put one must not keep a deed out of the evidence by it. */
async function hasId(store: ObjectStore, sequence: number, id: string): Promise<boolean> {
  const record = await readRecord(store, evidenceKey(sequence), evidenceSchema);
  return record?.id === id;
}

const numberSchema = z.strictObject({ sequence: z.number().int().positive() });

const recorded = (sequence: number, again: boolean): Recorded => ({ key: evidenceKey(sequence), sequence, again });

/** Where the chain ends now: usually where it was said to, or one record behind. */
async function followToEnd(store: ObjectStore, end: End): Promise<End> {
  let found = end;
  for await (const { key } of store.list(evidenceFolder, { startAfter: evidenceKey(end.sequence) })) {
    if (key !== evidenceKey(found.sequence + 1)) break; // a hole, which verifyEvidence tells: no number is jumped
    const bytes = await readObject(store, key, { maxBytes: maxRecordBytes });
    found = withRecord(found, parseRecord(bytes, key, evidenceSchema).id, bytes);
  }
  return found;
}

function withRecord(end: End, id: string, bytes: Buffer): End {
  const sequence = end.sequence + 1;
  const recent = [...end.recent, { sequence, id }].slice(-keptRecent);
  return { ...end, sequence, digest: digestOf(bytes), recent };
}

/** Both only save looking: what fails here is done by the next one. */
async function noteRecorded(store: ObjectStore, end: End, id: string, outcome: Recorded): Promise<Recorded> {
  await putRecord(store, evidenceIdKey(digestOf(id)), { sequence: outcome.sequence });
  await moveEnd(store, end);
  return outcome;
}

/** Never back, whoever is slower. */
async function moveEnd(store: ObjectStore, { head: _, ...end }: End): Promise<void> {
  await changeProjection(store, evidenceEnd, (known) =>
    known.sequence < end.sequence ? { ...end, ...(known.head && { head: known.head }) } : known,
  );
}

/** That there is a signed head of this day. */
export async function noteHead(store: ObjectStore, head: { date: string; digest: string }): Promise<void> {
  await changeProjection(store, evidenceEnd, (known) =>
    known.head === undefined || known.head.date < head.date ? { ...known, head } : known,
  );
}

/** All records, oldest first, or those after a number. @throws ObjectDamaged when one is none */
export async function* readEvidence(store: ObjectStore, after = 0): AsyncGenerator<Evidence> {
  for await (const { key } of store.list(evidenceFolder, after > 0 ? { startAfter: evidenceKey(after) } : {})) {
    yield parseRecord(await readObject(store, key, { maxBytes: maxRecordBytes }), key, evidenceSchema);
  }
}

/** Make the projection of where the chain ends anew. */
export async function rebuildEvidenceEnd(store: ObjectStore): Promise<void> {
  const found = await followToEnd(store, evidenceEnd.empty);
  await moveEnd(store, found);
  const newest = (await readHeads(store)).at(-1);
  if (newest) await noteHead(store, { date: newest.date, digest: newest.digest });
}
