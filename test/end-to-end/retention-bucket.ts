import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readBackup } from '#catalog/backups';
import type { ProtectedSource } from '#harness/protected-source';
import type { StrictS3 } from '#harness/strict-s3-server';
import { openStore } from '#runtime/open-store';
import { createDirectoryStore } from '#store/directory-store';
import { readObject } from '#store/read-object';
import { verifyBackup } from '#tasks/verify-backup';
import {
  type Expired,
  expireAt,
  idsIn,
  type Lived,
  planWith,
  projections,
  readBackAndProve,
} from './retention-scene.ts';

const dayMs = 24 * 3_600_000;

/** A bucket of a life that was lived, with a plan by which retention keeps a day of it. */
export interface ExpiringBucket {
  vault: ProtectedSource['vault'];
  /** Plan, delete and check, at a time by which the window begins there. */
  expire(windowStart: Date): Promise<Expired>;
  /** Every backup that is committed is as it was written. */
  requireWhole(): Promise<void>;
  /** A rebuilt catalog says the same. */
  requireKnown(): Promise<void>;
}

/** The source's own bucket; `reset` puts it as it was, made of links: what was read back is told by the file, too. */
export async function inDirectory({ source, backups }: Lived): Promise<ExpiringBucket & { reset(): void }> {
  const history = join(source.folder, 'history');
  await readBackAndProve(source.vault, backups);
  renameSync(source.bucket, history);
  const reset = () => {
    rmSync(source.bucket, { recursive: true, force: true });
    assert.equal(spawnSync('cp', ['-al', history, source.bucket]).status, 0);
  };
  return { ...expiring(source, { location: source.bucket, vault: source.vault, environment: {} }), reset };
}

/** The same objects in S3, and as old as they are. */
export async function inS3({ source, backups }: Lived, s3: StrictS3, location: string): Promise<ExpiringBucket> {
  const prefix = location
    .split('/')
    .slice(3)
    .map((element) => `${element}/`)
    .join('');
  const vault = { ...source.vault, store: await openStore(location, s3.environment) };
  const from = await createDirectoryStore(join(source.folder, 'history'));
  for await (const { key, lastModified } of from.list('orders/')) {
    await vault.store.put(key, await readObject(from, key, { maxBytes: 100_000_000 }));
    s3.bucket.find(prefix + key).lastModified = lastModified;
  }
  await readBackAndProve(vault, backups);
  return expiring(source, { location, vault, environment: s3.environment });
}

interface Where {
  location: string;
  vault: ProtectedSource['vault'];
  environment: Record<string, string>;
}

function expiring(source: ProtectedSource, { location, vault, environment }: Where): ExpiringBucket {
  const planPath = join(source.folder, `${location.replaceAll(/\W+/g, '-')}.yml`);
  writeFileSync(planPath, planWith(source, location));
  return {
    vault,
    expire: (windowStart) => expireAt({ planPath, environment, now: new Date(windowStart.getTime() + dayMs) }),
    async requireWhole() {
      for (const id of await idsIn(vault.store)) {
        const { damage } = await verifyBackup({
          ...{ vault, location, environment, workers: 0, manifest: await readBackup(vault.store, 'orders', id) },
          ...{ signal: new AbortController().signal, onBytes: () => undefined },
        });
        assert.deepEqual(damage, [], id);
      }
    },
    async requireKnown() {
      const { said, anew } = await projections(vault.store);
      assert.deepEqual(said, anew);
    },
  };
}
