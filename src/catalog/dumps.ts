import { z } from 'zod';
import { changeProjection, type Projection, readProjection } from '#catalog/change-projection';
import { putOnce } from '#catalog/proofs';
import { readRecord } from '#catalog/put-record';
import { type DumpId, dumpId, dumpIdSchema, dumpKinds, isDumpId } from '#model/dump-id';
import { type DumpManifest, parseDumpManifest, printDumpManifest } from '#model/dump-manifest';
import { type DumpProof, dumpProofSchema, dumpStates, standingOfDump } from '#model/dump-proof';
import { InputInvalid, ObjectDamaged, ObjectMissing } from '#model/failure';
import { dumpCatalogKey, dumpManifestKey, dumpProofKey, dumpProofsFolder, dumpsFolder } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';

const maxManifestBytes = 128 << 20;
const count = z.number().int().nonnegative();
const instant = z.iso.datetime();

const entrySchema = z.strictObject({
  dump: dumpIdSchema,
  kind: z.enum(dumpKinds),
  startedAt: instant,
  finishedAt: instant,
  rawBytes: count,
  storedBytes: count,
  /** names */
  databases: z.array(z.string()),
  execution: z.string().nullable(),
  state: z.enum(dumpStates),
  /** when the record was made that says so; null: there is none */
  provedAt: instant.nullable(),
  /** why it is broken; null: it is not */
  failure: z.string().nullable(),
});
/** A committed dump, and how good it is known to be. */
export type DumpEntry = z.infer<typeof entrySchema>;

const dumpCatalogSchema = z.strictObject({
  format: z.literal('lifeboat-dumps/1'),
  /** oldest first */
  dumps: z.array(entrySchema),
});
export type DumpCatalog = z.infer<typeof dumpCatalogSchema>;

const projectionOf = (source: string): Projection<DumpCatalog> => ({
  key: dumpCatalogKey(source),
  schema: dumpCatalogSchema,
  empty: { format: 'lifeboat-dumps/1', dumps: [] },
});

/** The commit point. @throws ObjectDamaged when this dump was committed before */
export async function commitDump(store: ObjectStore, manifest: DumpManifest, signal?: AbortSignal): Promise<void> {
  const key = dumpManifestKey(manifest.source, manifest.dump);
  const body = Buffer.from(printDumpManifest(manifest));
  const outcome = await store.put(key, body, { condition: 'absent', ...(signal ? { signal } : {}) });
  if (outcome.stored) return;
  throw new ObjectDamaged(`${key} exists already: dump ${manifest.dump} was committed by somebody else`, {
    operation: 'commit dump',
    subject: key,
    hint: 'two writers used the same id: look at the leases of this source',
  });
}

/**
 * @throws InputInvalid when there is no such committed dump; ObjectMissing when there was one; ObjectDamaged when its
 * manifest is not one
 */
export async function readDump(store: ObjectStore, source: string, id: DumpId): Promise<DumpManifest> {
  const manifest = await readManifest(store, source, id);
  if (manifest) return manifest;
  if (!(await readDumpCatalog(store, source)).dumps.some(({ dump }) => dump === id)) {
    throw new InputInvalid('dump', id, `a committed dump of ${source}`, 'list them with `lifeboat dumps`');
  }
  const key = dumpManifestKey(source, id);
  throw new ObjectMissing(`${key} is gone, though the catalog knows this dump`, {
    operation: 'read manifest',
    subject: key,
    hint: 'it was deleted: bring it back, or run `lifeboat catalog rebuild` and use another dump',
  });
}

/** Add a committed dump to the catalog, with what its records say of it. Again, it changes nothing. */
export const catalogDump = (store: ObjectStore, manifest: DumpManifest): Promise<void> =>
  noteDump(store, manifest.source, manifest);

/**
 * Record what was found out about a dump, once, and make it count. The same one again changes nothing. Answers its key.
 * @throws ObjectDamaged when the dump's manifest is not one
 */
export async function recordDumpProof(store: ObjectStore, record: DumpProof): Promise<string> {
  const proof = dumpProofSchema.parse(record);
  const { source, dump } = proof;
  const keyAt = (at: Date) => dumpProofKey(source, dump, at);
  const key = await putOnce(store, proof, dumpProofSchema, new Date(proof.finishedAt), keyAt);
  const manifest = await readManifest(store, source, dump);
  if (manifest) await noteDump(store, source, manifest); // else it expired meanwhile
  return key;
}

export const readDumpCatalog = (store: ObjectStore, source: string): Promise<DumpCatalog> =>
  readProjection(store, projectionOf(source));

/** One folder below `<source>/dumps/`: a committed dump, or what was left of one that never was. */
export type FoundDump =
  | { state: 'committed'; id: DumpId; entry: DumpEntry }
  | { state: 'uncommitted'; id: DumpId }
  | { state: 'unreadable'; id: DumpId; failure: ObjectDamaged };

/**
 * In the order in which they began. One listing, and one read for each dump that the catalog does not know yet;
 * with `begunSince`, older ones are not even listed.
 */
export async function findDumps(
  store: ObjectStore,
  source: string,
  { begunSince }: { begunSince?: Date } = {},
): Promise<FoundDump[]> {
  const { dumps } = await readDumpCatalog(store, source);
  const known = new Map(dumps.map((entry) => [entry.dump, entry]));
  const prefix = dumpsFolder(source);
  const which = begunSince === undefined ? {} : { startAfter: prefix + dumpId(begunSince, 'dump').slice(0, -5) };
  const found: FoundDump[] = [];
  for await (const id of dumpFolders(store, source, which)) {
    const entry = known.get(id);
    found.push(entry ? { state: 'committed', id, entry } : await look(store, source, id));
  }
  return found;
}

/** Make the projection anew from manifests and records alone. */
export async function rebuildDumps(store: ObjectStore, source: string): Promise<FoundDump[]> {
  let found: FoundDump[] = [];
  await changeProjection(store, projectionOf(source), async () => {
    found = [];
    for await (const id of dumpFolders(store, source)) found.push(await look(store, source, id));
    return { format: 'lifeboat-dumps/1', dumps: entriesOf(found) };
  });
  return found;
}

/** Take dumps out of the projection, once their manifests are gone; their objects are not touched. */
export async function removeDumps(store: ObjectStore, source: string, ids: readonly DumpId[]): Promise<void> {
  await changeProjection(store, projectionOf(source), ({ dumps, ...rest }) => ({
    ...rest,
    dumps: dumps.filter(({ dump }) => !ids.includes(dump)),
  }));
}

const entriesOf = (found: readonly FoundDump[]): DumpEntry[] =>
  found.flatMap((one) => (one.state === 'committed' ? [one.entry] : []));

/** The records are read again whenever somebody else was faster: whoever comes last has seen them all. */
async function noteDump(store: ObjectStore, source: string, manifest: DumpManifest): Promise<void> {
  await changeProjection(store, projectionOf(source), async ({ dumps, ...rest }) => {
    const entry = await entryOf(store, source, manifest);
    const others = dumps.filter(({ dump }) => dump !== entry.dump);
    return { ...rest, dumps: [...others, entry].sort((a, b) => (a.dump < b.dump ? -1 : 1)) };
  });
}

async function entryOf(store: ObjectStore, source: string, manifest: DumpManifest): Promise<DumpEntry> {
  const { dump, kind, startedAt, finishedAt, rawBytes, storedBytes, databases, execution } = manifest;
  const names = databases.map(({ name }) => name);
  const records: DumpProof[] = [];
  for await (const { key } of store.list(`${dumpProofsFolder(source)}${dump}/`)) {
    const record = key.endsWith('.json') ? await readRecord(store, key, dumpProofSchema) : undefined;
    if (record) records.push(record);
  }
  const standing = standingOfDump(records);
  return { dump, kind, startedAt, finishedAt, rawBytes, storedBytes, databases: names, execution, ...standing };
}

async function* dumpFolders(
  store: ObjectStore,
  source: string,
  which: { startAfter?: string } = {},
): AsyncGenerator<DumpId> {
  for await (const folder of store.folders(dumpsFolder(source), which)) {
    const id = folder.slice(0, -1);
    if (isDumpId(id)) yield id;
  }
}

async function look(store: ObjectStore, source: string, id: DumpId): Promise<FoundDump> {
  try {
    const manifest = await readManifest(store, source, id);
    return manifest
      ? { state: 'committed', id, entry: await entryOf(store, source, manifest) }
      : { state: 'uncommitted', id };
  } catch (failure) {
    if (failure instanceof ObjectDamaged) return { state: 'unreadable', id, failure };
    throw failure;
  }
}

async function readManifest(store: ObjectStore, source: string, id: DumpId): Promise<DumpManifest | undefined> {
  const key = dumpManifestKey(source, id);
  try {
    const bytes = await readObject(store, key, { maxBytes: maxManifestBytes });
    const manifest = parseDumpManifest(bytes.toString('utf8'), key);
    if (manifest.source === source && manifest.dump === id) return manifest;
    throw new ObjectDamaged(`${key} is the manifest of ${manifest.source}/${manifest.dump}`, {
      operation: 'read manifest',
      subject: key,
      hint: 'the object was replaced: use another dump, and take one now',
    });
  } catch (failure) {
    if (failure instanceof ObjectMissing) return undefined;
    throw failure;
  }
}
