import { listRewraps, wrapDigest } from '#catalog/key-wraps';
import type { BackupId } from '#model/backup-id';
import type { DumpId } from '#model/dump-id';
import { type WrappedKey, wrappingKeyName } from '#model/wrapped-key';
import { type KeySearch, visitKeys } from '#recovery/keys-in-use';
import type { ObjectStore } from '#store/object-store';

/** What one key opens. */
export interface KeyUsers {
  method: WrappedKey['method'];
  /** id of a key of a key file, or the ARN of a KMS key: of a multi-Region key that of one of its replicas */
  key: string;
  /** those that it opens, and those of them that nothing else opens */
  backups: BackupId[];
  onlyBackups: BackupId[];
  dumps: DumpId[];
  onlyDumps: DumpId[];
  /** data keys of WAL; each is of all that one process has stored */
  walKeys: number;
  onlyWalKeys: number;
}

export interface KeysListed {
  source: string;
  keys: KeyUsers[];
  /** objects whose data key nobody can tell */
  unread: number;
}

/**
 * Which keys the data keys of a source are wrapped by, then and later. No key is needed to see it, only the bucket.
 * @throws StoreUnavailable, StoreRefused
 */
export async function listKeys(
  store: ObjectStore,
  search: Pick<KeySearch, 'source' | 'backup' | 'backups' | 'wal' | 'signal' | 'onObjects'>,
): Promise<KeysListed> {
  const rewraps = await listRewraps(store, search.source);
  const users = new Map<string, KeyUsers>();
  const usersOf = (name: string, method: WrappedKey['method'], key: string): KeyUsers => {
    const none = { backups: [], onlyBackups: [], dumps: [], onlyDumps: [], walKeys: 0, onlyWalKeys: 0 };
    const known = users.get(name) ?? { method, key, ...none };
    if (key.startsWith('arn:')) known.key = key;
    users.set(name, known);
    return known;
  };
  let unread = 0;
  await visitKeys(store, {
    ...search,
    onUnread: () => void unread++,
    async onKey({ wrapped, backup, dump }) {
      const first = wrappingKeyName(wrapped);
      const names = new Set([first, ...(rewraps.get(wrapDigest(wrapped)) ?? [])]);
      for (const name of names) {
        const { method, key } = name === first ? { method: wrapped.method, key: wrapped.keyId } : readName(name);
        const user = usersOf(name, method, key);
        if (backup) user.backups.push(backup);
        else if (dump) user.dumps.push(dump);
        else user.walKeys++;
        if (names.size > 1) continue;
        if (backup) user.onlyBackups.push(backup);
        else if (dump) user.onlyDumps.push(dump);
        else user.onlyWalKeys++;
      }
    },
  });
  return { source: search.source, keys: [...users.values()], unread };
}

/** The name of a re-wrap has only the id of a KMS key. */
function readName(name: string): { method: WrappedKey['method']; key: string } {
  const at = name.indexOf('-');
  return { method: name.slice(0, at) === 'kms' ? 'kms' : 'file', key: name.slice(at + 1) };
}
