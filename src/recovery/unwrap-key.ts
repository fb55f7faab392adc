import { KeyUnusable } from '#model/failure';
import { hintForKey, type WrappedKey } from '#model/wrapped-key';
import type { DataKey, KeyRing } from '#pipeline/data-key';

/** What has a data key of its own, as its manifest tells. */
export interface Sealed {
  what: 'backup' | 'dump';
  source: string;
  id: string;
  encryption: { key: WrappedKey } | null;
}

/** The data key; undefined for what is stored in clear under a plan that wants no more. @throws KeyUnusable */
export async function unwrapKey(keyRing: KeyRing | undefined, sealed: Sealed): Promise<DataKey | undefined> {
  const { what, source, id, encryption } = sealed;
  if (!encryption && !keyRing) return undefined;
  if (!encryption) {
    throw new KeyUnusable(`${what} ${id} is stored in clear, the plan says that ${what}s are encrypted`, {
      operation: `open ${what}`,
      subject: id,
      hint: 'if it is from before the plan was changed, restore with a plan that says encryption: none',
    });
  }
  if (keyRing) return keyRing.unwrap(encryption.key, `${source}/${id}`);
  throw new KeyUnusable(`${what} ${id} is encrypted, the plan says encryption: none`, {
    operation: `open ${what}`,
    subject: id,
    hint: hintForKey(encryption.key),
  });
}
