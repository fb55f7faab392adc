import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { keepExposure } from '#catalog/exposure';
import { StoredSource } from '#harness/stored-source';
import { formatLsn } from '#model/lsn';
import type { Plan } from '#model/plan';
import { bucketFacts, provenBackup, replicationFacts } from '#runtime/bucket-facts';
import { catalogKey, manifestKey } from '#store/bucket-layout';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';

let source: StoredSource;
beforeEach(async () => {
  source = await StoredSource.create({ sources: ['orders'] });
});
afterEach(() => source.remove());

test('of an empty bucket nothing is known, and nothing made up', async () => {
  assert.deepEqual(await bucketFacts(source.store, 'orders'), {
    ...{ backups: 0, systemId: null, timeline: null, end: null, at: null },
  });
  assert.equal(await provenBackup(source.store, 'orders'), null);
});

test('the end of the WAL is the end of what is stored now, watched before or not', async () => {
  await source.backup();
  const { systemId, timeline, end } = await bucketFacts(source.store, 'orders');
  assert.deepEqual([systemId, timeline, end], ['7710121666982256801', 1, source.end]);
  const watched = source.end;
  await keep(formatLsn(source.end));
  await source.commit();
  assert.ok(source.end > watched);
  assert.equal((await bucketFacts(source.store, 'orders')).end, source.end, 'what came since the watch is found');
});

test('where nothing came since the watch, its word counts', async () => {
  await source.backup();
  await keep(formatLsn(source.end));
  const { end, timeline, at } = await bucketFacts(source.store, 'orders');
  assert.deepEqual([end, timeline, at], [source.end, 1, source.now]);
});

/** What a watch has measured, as far as it matters here. */
async function keep(end: string): Promise<void> {
  const at = source.now.toISOString();
  const systemId = '7710121666982256801';
  await keepExposure(source.store, 'orders', {
    ...{ format: 'lifeboat-exposure/1', at, watchedSince: at, lossMs: 0, reason: '', tier: null, rto: null },
    verified: { backup: 'b', systemId, timeline: 1, lsn: end, asOf: at },
    server: { state: 'unreachable', why: '', since: at },
    ...{ lastUp: null, coveredAt: null, behind: null, gap: null, findings: [], summary: null },
    stored: { systemId, segmentSize: 1 << 20, timelines: [{ timeline: 1, stretches: [{ start: '0/300000', end }] }] },
  });
}

const plan: Pick<Plan, 'aws' | 'bucket'> = {
  aws: { stack: 'lifeboat-prod', region: 'eu-central-1', recoveryRegion: 'eu-west-1' },
  bucket: 's3://lifeboat-prod-111122223333-eu-west-1/x',
};

test('a copy has a backup when its manifest is there, whatever the catalog that was copied says', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-copy-'));
  t.after(() => rm(folder, { recursive: true }));
  const copy = await createDirectoryStore(join(folder, 'copy'));
  const [first, second] = [await source.backup(), await source.backup()];
  await put(copy, catalogKey('orders'));
  await put(copy, manifestKey('orders', first.backup));
  await copy.put(`orders/backups/${second.backup}/base.tar.000000`, Buffer.alloc(9));
  const asked: unknown[] = [];
  const open = async (url: string, environment: Record<string, string | undefined>) => {
    asked.push(url, environment.AWS_REGION);
    return copy;
  };
  const environment = { AWS_REGION: 'eu-west-1' };
  assert.deepEqual(await replicationFacts({ plan, store: source.store, environment, open }, 'orders'), {
    here: { region: 'eu-west-1', manifests: 2, newest: second.backup },
    there: { region: 'eu-central-1', manifests: 1, newest: first.backup },
  });
  assert.deepEqual(asked, ['s3://lifeboat-prod-111122223333-eu-central-1/x', 'eu-central-1']);
});

async function put(copy: ObjectStore, key: string): Promise<void> {
  await copy.put(key, await readObject(source.store, key, { maxBytes: 1 << 20 }));
}

test('without a second region there is nothing to compare, and a name that tells no region is said', async () => {
  const { store } = source;
  const environment = { AWS_REGION: 'eu-west-1' };
  assert.equal(await replicationFacts({ plan: { bucket: plan.bucket }, store, environment }, 'orders'), null);
  assert.equal(await replicationFacts({ plan, store, environment: {} }, 'orders'), null);
  const other = { ...plan, bucket: 's3://shop-backups' };
  await assert.rejects(replicationFacts({ plan: other, store, environment }, 'orders'), {
    name: 'ServerUnsuitable',
    message: /s3:\/\/shop-backups does not tell which bucket is its copy in eu-central-1/,
  });
});
