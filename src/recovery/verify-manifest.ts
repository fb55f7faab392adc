import { createHash } from 'node:crypto';
import { ObjectMissing } from '#model/failure';
import { type Manifest, parseManifest } from '#model/manifest';
import type { ReadBackObject } from '#model/object-key';
import { backupObjectKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';

const maxManifestBytes = 128 << 20;
const headsAtOnce = 16;
const toldAtMost = 20;

type ManifestKey = ReadBackObject & { kind: 'manifest' };

/**
 * Is it the manifest of this backup, and is everything there that it names, with the size that it says? Of the content
 * only the index is read: the parts' is for the machine `verify`. What is wrong comes back in words, and what makes the
 * manifest itself useless is thrown.
 * @throws ObjectDamaged, ObjectMissing
 */
export async function verifyManifest(store: ObjectStore, object: ManifestKey, signal: AbortSignal): Promise<string[]> {
  const { key, source, backup } = object;
  const manifest = parseManifest(
    (await readObject(store, key, { maxBytes: maxManifestBytes, signal })).toString('utf8'),
    key,
  );
  if (manifest.source !== source || manifest.backup !== backup) {
    return [`${key} is the manifest of ${manifest.source}/${manifest.backup}`];
  }
  const wrong = await compareSizes(store, manifest, signal);
  const index = backupObjectKey(source, backup, manifest.index.name);
  if (!wrong.some((what) => what.startsWith(index)))
    wrong.push(...(await compareIndex(store, manifest, index, signal)));
  if (wrong.length <= toldAtMost) return wrong;
  return [...wrong.slice(0, toldAtMost), `and ${wrong.length - toldAtMost} more`];
}

async function compareSizes(store: ObjectStore, manifest: Manifest, signal: AbortSignal): Promise<string[]> {
  const wrong: string[] = [];
  const queue = [manifest.index, manifest.serverManifest, ...manifest.parts].values();
  const looking = Array.from({ length: headsAtOnce }, async () => {
    for (const { name, storedBytes } of queue) {
      const key = backupObjectKey(manifest.source, manifest.backup, name);
      const stored = await store.head(key, { signal });
      if (!stored) wrong.push(`${key} is missing`);
      else if (stored.size !== storedBytes) {
        wrong.push(`${key} has ${stored.size} bytes, the manifest says ${storedBytes}`);
      }
    }
  });
  await Promise.all(looking);
  return wrong.sort();
}

async function compareIndex(
  store: ObjectStore,
  { index }: Manifest,
  key: string,
  signal: AbortSignal,
): Promise<string[]> {
  try {
    const { body } = await store.get(key, { signal });
    const hash = createHash('sha256');
    for await (const chunk of body) hash.update(chunk);
    const sha256 = hash.digest('hex');
    return sha256 === index.sha256 ? [] : [`${key} has SHA-256 ${sha256}, the manifest says ${index.sha256}`];
  } catch (failure) {
    if (failure instanceof ObjectMissing) return [`${key} is missing`];
    throw failure;
  }
}
