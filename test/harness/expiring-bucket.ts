import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { committedBackups, readBackup, rebuildCatalog } from '#catalog/backups';
import { checkKeptWal } from '#catalog/check-kept-wal';
import { checkObjects } from '#catalog/check-objects';
import { rebuildStanding } from '#catalog/proofs';
import { releaseLeaseOf } from '#catalog/release-lease';
import { rebuildVerifiedWal } from '#catalog/wal-projection';
import { executionArn } from '#model/arn';
import { chainOf } from '#recovery/chain';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import type { StoredSource } from './stored-source.ts';

export const keysIn = async (store: ObjectStore, prefix = ''): Promise<string[]> =>
  (await Array.fromAsync(store.list(prefix))).map(({ key }) => key);

/** Without what every execution leaves of its own. */
export const lasting = async (store: ObjectStore): Promise<string[]> =>
  (await keysIn(store)).filter((key) => !/^executions\/|\/leases\//.test(key));

export const projections = async (store: ObjectStore): Promise<unknown[]> =>
  Promise.all(
    ['backups', 'standing', 'wal'].map(async (name) => {
      const { body } = await store.get(`catalog/main/${name}.json`);
      return JSON.parse(Buffer.concat(await Array.fromAsync(body)).toString('utf8'));
    }),
  );

export async function rebuild(store: ObjectStore): Promise<void> {
  await rebuildCatalog(store, 'main');
  await rebuildStanding(store, 'main');
  await rebuildVerifiedWal(store, 'main');
}

/** A store that ends like a process that is killed: after so many deletes nothing more gets through. */
export function dyingStore(store: ObjectStore, deletes: number): ObjectStore {
  let left = deletes;
  const alive = (name: string): void => {
    if (left < 0 || (name === 'delete' && left-- === 0)) {
      left = -1;
      throw new Error('killed');
    }
  };
  return new Proxy(store, {
    get(target, name: keyof ObjectStore) {
      const member = target[name];
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        alive(name);
        return (member as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}

/** Whatever is committed has its chain, its objects and its WAL; asked of the bucket alone. */
export async function requireWhole(store: ObjectStore): Promise<string[]> {
  await rebuild(store);
  const backups = await committedBackups(store, 'main');
  for (const backup of backups) {
    assert.ok('backups' in chainOf(backups, backup), `${backup.backup} has lost its parent`);
    await checkObjects(store, await readBackup(store, 'main', backup.backup));
  }
  await checkKeptWal(store, 'main', backups);
  return backups.map(({ backup }) => backup);
}

/** A killed process gives nothing back; nobody waits for its leases to expire here. */
export async function releaseLeases(store: ObjectStore): Promise<void> {
  for (const work of ['backup', 'dump'] as const) {
    await releaseLeaseOf(store, 'main', work, { execution: executionArn('retention', 'one'), now: new Date() });
  }
}

export async function copyOf({ folder }: StoredSource): Promise<ObjectStore> {
  await cp(join(folder, 'bucket'), join(folder, 'copy'), { recursive: true });
  return createDirectoryStore(join(folder, 'copy'));
}
