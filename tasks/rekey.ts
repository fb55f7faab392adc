import { randomBytes } from 'node:crypto';
import { listRewraps, putRewrap, readRewrap, rewrapKeys, wrapDigest } from '#catalog/key-wraps';
import type { BackupId } from '#model/backup-id';
import { type Failure, KeyUnusable, ObjectDamaged } from '#model/failure';
import { dataKeyContext, type WrappedKey, wrappingKeyName } from '#model/wrapped-key';
import { type DataKey, dataKeyBytes, type KeyRing, keyDamaged, type WrappingRing } from '#pipeline/data-key';
import { type KeyInUse, visitKeys } from '#recovery/keys-in-use';
import { rewrapKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

export interface RekeyWork {
  source: string;
  store: ObjectStore;
  /** wraps from now on, and unwraps what it can */
  current: WrappingRing;
  /** unwrap the rest */
  old: readonly KeyRing[];
  /** only this backup */
  backup?: BackupId | undefined;
  backups: boolean;
  wal: boolean;
  /** unwrap everything, and put nothing */
  dryRun: boolean;
  signal: AbortSignal;
  now(): Date;
  onObjects(count: number): void;
  /** a data key was wrapped by this key, and that is stored */
  onRewrapped(keyId: string): void;
}

/** How many data keys there are, by what became of them; `rewrapped` of a dry run: would be. */
export interface RekeyCounts {
  /** wrapped by the current key when they were made */
  current: number;
  /** re-wrapped by an earlier run, which was read back and opens */
  already: number;
  rewrapped: number;
}

/** Why a data key, or what has one, is not wrapped by the current key; the old key must be kept. */
export interface RekeyProblem {
  /** the manifest, or a piece of WAL */
  at: string;
  message: string;
  hint: string | null;
  kind: 'key' | 'damage';
}

export interface RekeyOutcome extends RekeyCounts {
  source: string;
  /** the current key: id of a key of the key file, or ARN */
  key: string;
  /** the first hundred, and how many there are */
  problems: RekeyProblem[];
  problemCount: number;
}

const mostProblems = 100;

/**
 * Wrap every data key of a source by the current key, where it is not yet. Nothing that is stored is changed: each new
 * wrap is an object of its own, and is put only after it was opened again. Killed or run twice it goes on with what is
 * left. What cannot be unwrapped or read is told, and does not stop the others.
 * @throws KeyUnusable when the current key cannot wrap and unwrap; StoreUnavailable, StoreRefused
 */
export async function rekeySource(work: RekeyWork): Promise<RekeyOutcome> {
  const { source, store, backup, backups, wal, signal, onObjects } = work;
  const currentKey = await probe(work.current, source);
  const known = await listRewraps(store, source);
  const counts: RekeyCounts = { current: 0, already: 0, rewrapped: 0 };
  const problems: RekeyProblem[] = [];
  let problemCount = 0;
  const tell = (problem: RekeyProblem): void => {
    if (problemCount++ < mostProblems) problems.push(problem);
  };
  await visitKeys(store, {
    source,
    backup,
    backups,
    wal,
    signal,
    onObjects,
    onUnread: (at, message) => tell({ at, message, hint: null, kind: 'damage' }),
    async onKey(key) {
      try {
        counts[await rekey(work, key, wrappingKeyName(currentKey), known)]++;
      } catch (failure) {
        tell(problemOf(failure, key));
      }
    },
  });
  return { source, key: currentKey.keyId, ...counts, problems, problemCount };
}

/** That the current key wraps and unwraps, before anything is touched; and which key it is, where an alias is named. */
async function probe(ring: WrappingRing, source: string): Promise<WrappedKey> {
  const context = dataKeyContext({ source, for: 'rekey' });
  const dataKey = randomBytes(dataKeyBytes);
  const wrapped = await ring.wrap(dataKey, context);
  await checkOpens(ring, wrapped, context, dataKey);
  return wrapped;
}

async function rekey(
  work: RekeyWork,
  { wrapped: original, context }: KeyInUse,
  currentName: string,
  known: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<keyof RekeyCounts> {
  const { source, store, current, dryRun, now } = work;
  if (wrappingKeyName(original) === currentName) return 'current';
  const digest = wrapDigest(original);
  if (known.get(digest)?.has(currentName)) {
    const key = rewrapKey(source, digest, currentName);
    const reopened = reopen(work, key, original, context).catch((failure: unknown) => failsToOpen(failure, key));
    if (await reopened) return 'already';
  }
  const dataKey = await unwrapSomehow(work, original, context, known.has(digest));
  if (dryRun) return 'rewrapped';
  const wrapped = await current.wrap(dataKey, context);
  await checkOpens(current, wrapped, context, dataKey);
  if (!(await putRewrap(store, { context, original, wrapped, at: now() }))) return 'already';
  work.onRewrapped(wrapped.keyId);
  return 'rewrapped';
}

/** Whether it is there, and opens. */
async function reopen(
  { store, current }: RekeyWork,
  key: string,
  original: WrappedKey,
  context: string,
): Promise<boolean> {
  const rewrapped = await readRewrap(store, key, original, context);
  if (rewrapped) await checkOpens(current, rewrapped, context);
  return rewrapped !== undefined;
}

/** What was put once is not overwritten, so somebody has to take it away. */
function failsToOpen(failure: unknown, key: string): never {
  if (!(failure instanceof ObjectDamaged)) throw failure;
  throw new ObjectDamaged(`${key} does not open, it was changed: ${failure.message}`, {
    operation: 'rekey',
    subject: key,
    hint: 'delete it, and run `lifeboat rekey` again before the old key is gone',
    cause: failure,
  });
}

async function checkOpens(ring: KeyRing, wrapped: WrappedKey, context: string, dataKey?: DataKey): Promise<void> {
  const opened = await ring.unwrap(wrapped, context);
  if (dataKey && !opened.equals(dataKey)) throw keyDamaged(context);
}

/** As it was stored, or as it was re-wrapped since, by any key that is there. */
async function unwrapSomehow(
  { store, current, old }: RekeyWork,
  original: WrappedKey,
  context: string,
  wasRewrapped: boolean,
): Promise<DataKey> {
  const failures: Failure[] = [];
  const by = async (wrapped: WrappedKey): Promise<DataKey | undefined> => {
    for (const ring of [current, ...old]) {
      const dataKey = await ring.unwrap(wrapped, context).catch((failure: unknown) => {
        if (!(failure instanceof KeyUnusable || failure instanceof ObjectDamaged)) throw failure;
        failures.push(failure);
      });
      if (dataKey) return dataKey;
    }
    return undefined;
  };
  const opened = await by(original);
  if (opened) return opened;
  for (const key of wasRewrapped ? await rewrapKeys(store, original, context) : []) {
    const wrapped = await readRewrap(store, key, original, context);
    const dataKey = wrapped && (await by(wrapped));
    if (dataKey) return dataKey;
  }
  // what KMS says is more than that another ring does not hold the key
  const said = failures.find((failure) => failure instanceof ObjectDamaged || failure.cause !== undefined);
  throw said ?? failures.at(-1)!;
}

function problemOf(failure: unknown, { at }: KeyInUse): RekeyProblem {
  const isKey = failure instanceof KeyUnusable;
  if (!(isKey || failure instanceof ObjectDamaged)) throw failure;
  return { at, message: failure.message, hint: failure.hint ?? null, kind: isKey ? 'key' : 'damage' };
}
