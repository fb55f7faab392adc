import { type VerifiedObject, versionOf } from '#catalog/verified';
import { type Failure, InputInvalid, ObjectDamaged, ObjectMissing } from '#model/failure';
import { formatLsn } from '#model/lsn';
import type { ReadBackObject } from '#model/object-key';
import { parseHistory } from '#model/timeline';
import { parseWalObjectName, walRange } from '#model/wal-object';
import { segmentEnd } from '#model/wal-segment';
import { damaged } from '#pipeline/container';
import { LastCommit } from '#recovery/last-commit';
import type { Vault } from '#recovery/open-backup';
import { WalReader } from '#recovery/read-wal';
import { verifyManifest } from '#recovery/verify-manifest';
import type { StoredObject } from '#store/object-store';

type Findings = Pick<VerifiedObject, 'ok' | 'damage' | 'wal' | 'history'>;

/**
 * Read one object back and compare it with what its key, its header and its checksums say. Damage is an answer, once it
 * was seen twice: bytes may be damaged on their way, too. undefined: the object is gone, which is no damage.
 * @throws StoreUnavailable, StoreRefused, KeyUnusable: it could not be looked at
 */
export async function verifyObject(
  vault: Vault,
  object: ReadBackObject,
  options: { now: () => Date; signal: AbortSignal },
): Promise<VerifiedObject | undefined> {
  for (let look = 1; ; look++) {
    const stored = await vault.store.head(object.key, { signal: options.signal });
    if (!stored) return undefined;
    const findings = await lookAt(vault, object, options.signal);
    if (findings.ok) return recordOf(object, stored, findings, options.now());
    // it may be expired by now, and with it what a manifest names
    const after = await vault.store.head(object.key, { signal: options.signal });
    if (!after) return undefined;
    if (look === 2) return recordOf(object, after, findings, options.now());
  }
}

function recordOf(object: ReadBackObject, stored: StoredObject, findings: Findings, at: Date): VerifiedObject {
  return {
    format: 'lifeboat-verified/1',
    source: object.source,
    key: object.key,
    version: versionOf(stored.etag),
    sizeBytes: stored.size,
    storedAt: stored.lastModified.toISOString(),
    ...findings,
    at: at.toISOString(),
  };
}

async function lookAt(vault: Vault, object: ReadBackObject, signal: AbortSignal): Promise<Findings> {
  const good = { ok: true, damage: [], wal: null, history: null };
  try {
    if (object.kind === 'history') return { ...good, history: await readHistory(vault, object, signal) };
    if (object.kind === 'wal') return { ...good, wal: await readWal(vault, object, signal) };
    const damage = await verifyManifest(vault.store, object, signal);
    return { ...good, ok: damage.length === 0, damage };
  } catch (failure) {
    // where the object is there, what is missing is the generation that was being read
    if (!(failure instanceof ObjectDamaged || failure instanceof ObjectMissing)) throw failure;
    return { ...good, ok: false, damage: [(failure as Failure).message] };
  }
}

type WalKey = ReadBackObject & { kind: 'wal' };
type HistoryKey = ReadBackObject & { kind: 'history' };

async function readHistory(
  { store, keyRing }: Vault,
  { key, source, systemId, timeline }: HistoryKey,
  signal: AbortSignal,
): Promise<VerifiedObject['history']> {
  const content = await new WalReader(store, keyRing).readHistory(key, { source, systemId, timeline }, signal);
  try {
    const { ancestors } = parseHistory(timeline, content.toString('utf8'));
    return {
      systemId,
      timeline,
      ancestors: ancestors.map((one) => ({ ...one, switchpoint: formatLsn(one.switchpoint) })),
    };
  } catch (cause) {
    throw damaged(key, `is no timeline history: ${(cause as Error).message}`, cause);
  }
}

/** null for a partial: how much of it is WAL nobody knows, and no recovery reads it. */
async function readWal(
  { store, keyRing }: Vault,
  { key, source, systemId, timeline, name }: WalKey,
  signal: AbortSignal,
): Promise<VerifiedObject['wal']> {
  const reader = new WalReader(store, keyRing);
  const segmentSize = await reader.segmentSize(key);
  const object = objectOf(key, name, segmentSize);
  const partial = object.kind === 'partial';
  const { start, end } = partial
    ? { start: walRange(object, segmentSize).start, end: segmentEnd(object.segment, segmentSize) }
    : walRange(object, segmentSize);
  const commit = new LastCommit({ start, segmentSize, systemId });
  const place = { source, systemId, timeline, start, end, segmentSize, ...(partial ? { partial } : {}) };
  const read = await reader.open(key, place, signal);
  let bytes = 0;
  for await (const block of read.blocks()) {
    bytes += block.length;
    commit.feed(block);
  }
  if (BigInt(bytes) !== end - start) throw damaged(key, `holds ${bytes} bytes of WAL, expected ${end - start}`);
  if (partial) return null;
  const { time } = read.header;
  if (Number.isNaN(Date.parse(time))) throw damaged(key, `says that it was written at "${time}"`);
  return {
    systemId,
    timeline,
    segmentSize,
    start: formatLsn(start),
    end: formatLsn(end),
    time: new Date(time).toISOString(),
    commitTime: commit.time?.toISOString() ?? null,
  };
}

function objectOf(key: string, name: string, segmentSize: number) {
  try {
    const object = parseWalObjectName(name, segmentSize);
    if (object) return object;
  } catch (failure) {
    if (!(failure instanceof InputInvalid)) throw failure;
  }
  throw damaged(key, `says that segments have ${segmentSize} bytes, and then there is no ${name}`);
}
