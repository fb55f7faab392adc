import { indexVerified } from '#catalog/index-object';
import { putVerified, readVerified, versionOf } from '#catalog/verified';
import type { ReadBackObject } from '#model/object-key';
import type { Vault } from '#recovery/open-backup';
import { verifyObject } from '#recovery/verify-object';

export interface ReadBack {
  key: string;
  /** false: it is damaged; this was recorded, and the watch tells people */
  ok: boolean;
  outcome: 'verified' | 'damaged' | 'gone' | 'known';
  damage: string[];
}

/**
 * Read an object back that has arrived, record what was found, and make it count. The same event again, late or beside
 * others, changes nothing: a generation that has a record is not read once more, only its record is indexed again, since
 * whoever made it may have died before that.
 */
export async function readBack(
  vault: Vault,
  object: ReadBackObject,
  options: { now: () => Date; signal: AbortSignal },
): Promise<ReadBack> {
  const { key } = object;
  const stored = await vault.store.head(key, { signal: options.signal });
  if (!stored) return { key, ok: true, outcome: 'gone', damage: [] };
  const known = await readVerified(vault.store, object.source, key, versionOf(stored.etag));
  const found = known ?? (await verifyObject(vault, object, options));
  if (!found) return { key, ok: true, outcome: 'gone', damage: [] };
  const record = known ?? (await putVerified(vault.store, found));
  await indexVerified(vault.store, object, record);
  const { ok, damage } = record;
  return { key, ok, outcome: !ok ? 'damaged' : known ? 'known' : 'verified', damage };
}
