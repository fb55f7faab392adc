import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { catalogBackup, commitBackup } from '#catalog/backups';
import { readExposure } from '#catalog/exposure';
import { recordProof, recordVerification } from '#catalog/proofs';
import { readVerifiedWal } from '#catalog/wal-projection';
import { storeKinds } from '#harness/stores';
import { damagedStore, position, StoredWal, sceneSegment, sceneSource, sceneSystem } from '#harness/verified-scene';
import { type BackupId, backupId } from '#model/backup-id';
import type { FindingChanges } from '#model/finding-changes';
import { formatLsn, type Lsn } from '#model/lsn';
import { type Manifest, parseManifest } from '#model/manifest';
import { parseObjectKey, type ReadBackObject } from '#model/object-key';
import type { PostgresSource } from '#model/postgres-source';
import type { Proof } from '#model/proof';
import { parseSchedule } from '#model/schedule';
import { readBack } from '#recovery/read-back';
import { type AskedServer, watchSource } from '#recovery/watch-source';
import { exposureKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

const golden = parseManifest(readFileSync(new URL('../golden/manifest.json', import.meta.url), 'utf8'), 'golden');
const [, open] = storeKinds[0]!;

let store: ObjectStore;
let close: () => Promise<void>;
let stored: StoredWal;
let clock: Date;
let told: FindingChanges[];

beforeEach(async () => {
  ({ store, close } = await open());
  stored = new StoredWal(store);
  clock = new Date('2026-11-20T05:00:00Z');
  told = [];
});
afterEach(() => close());

const later = (seconds: number) => {
  clock = new Date(clock.getTime() + seconds * 1000);
};
const secondsAgo = (seconds: number) => new Date(clock.getTime() - seconds * 1000);

/** A full backup of WAL [3, 4), taken some time ago, in bucket and catalog. */
async function takeBackup(startedAt: Date, from = position(3), to = position(3, 0x1000)): Promise<BackupId> {
  const manifest: Manifest = {
    ...golden,
    source: sceneSource,
    backup: backupId(startedAt, 'full'),
    kind: 'full',
    parent: null,
    server: { ...golden.server, systemId: sceneSystem, segmentSize: sceneSegment },
    start: { lsn: formatLsn(from), timeline: 1, time: startedAt.toISOString() },
    stop: { lsn: formatLsn(to), timeline: 1, time: startedAt.toISOString() },
    finishedAt: startedAt.toISOString(),
  };
  await commitBackup(store, manifest);
  await catalogBackup(store, manifest);
  return manifest.backup;
}

async function putWal(from: Lsn, to: Lsn, time = clock, verify = true, timeline = 1): Promise<ReadBackObject> {
  const object = await stored.put(from, to, time, timeline);
  if (verify) await readBackNow(object);
  return object;
}
const readBackNow = (object: ReadBackObject, from = store) =>
  readBack({ store: from, keyRing: undefined }, object, { now: () => clock, signal: AbortSignal.timeout(10_000) });

const reachable = (flushed: Lsn, more: object = {}): AskedServer => ({
  state: 'reachable',
  systemId: sceneSystem,
  timeline: 1,
  flushed,
  clock,
  segmentSize: sceneSegment,
  ...more,
});
const unreachable: AskedServer = { state: 'unreachable', why: 'nothing listens' };

const source = (more: Partial<PostgresSource> = {}): PostgresSource => ({
  name: sceneSource,
  kind: 'postgres',
  connection: { host: '/tmp', port: 5432, user: 'postgres', database: 'postgres', sslmode: 'disable' },
  slot: 'lifeboat',
  walChunkSeconds: 5,
  compressionLevel: 3,
  schedules: { timezone: 'UTC', windowMinutes: 0 },
  dump: { schemaOnly: false, restoreTest: true },
  checks: [],
  ...more,
});

async function watch(server: AskedServer, more: Partial<PostgresSource> = {}, pause?: (ms: number) => Promise<void>) {
  const { measured, changes } = await watchSource({
    store,
    source: source(more),
    askServer: async () => server,
    now: () => clock,
    pause: pause ?? (async (ms) => later(ms / 1000)),
    tell: async (changed) => void told.push(changed),
  });
  return { measured, kinds: changes.current.map(({ kind }) => kind), changes };
}
const raised = () => told.flatMap((changes) => changes.raised.map(({ kind }) => kind));
const ended = () => told.flatMap((changes) => changes.ended.map(({ kind }) => kind));

describe('what would be lost', () => {
  test('is nothing once the server’s WAL is stored and verified, and is kept', async () => {
    await takeBackup(secondsAgo(600));
    await putWal(position(3), position(4), secondsAgo(300));
    const { measured, kinds } = await watch(reachable(position(4)), { tier: { rpoMs: 60_000, rtoMs: 3_600_000 } });
    assert.deepEqual([measured.lossMs, kinds], [0, []]);
    assert.equal(measured.verified?.lsn, '0/400000');
    assert.deepEqual(await readExposure(store, sceneSource), measured);
  });

  test('counts only what was read back', async () => {
    await takeBackup(secondsAgo(600));
    await putWal(position(3), position(4), secondsAgo(300));
    await putWal(position(4), position(5), secondsAgo(10), false);
    const { measured } = await watch(reachable(position(5)));
    assert.deepEqual([measured.lossMs, measured.verified!.lsn], [300_000, '0/400000']);
  });

  test('is counted from the newest backup that is consistent with what was read back', async () => {
    const older = await takeBackup(secondsAgo(900));
    await putWal(position(3), position(4), secondsAgo(300));
    await takeBackup(secondsAgo(600), position(3, 0x8000), position(4, 0x100));
    const { measured } = await watch(reachable(position(4, 0x200)));
    assert.deepEqual([measured.verified!.backup, measured.lossMs], [older, 300_000]);
  });

  test('above the promise is looked at for a while: a commit of a moment ago is no loss of a minute', async () => {
    await takeBackup(secondsAgo(600));
    await putWal(position(3), position(4), secondsAgo(300));
    const tier = { rpoMs: 30_000, rtoMs: 3_600_000 };
    const arrives = async (ms: number) => {
      later(ms / 1000);
      if (clock.getSeconds() === 3) await putWal(position(4), position(4, 0x100));
    };
    const { measured, kinds } = await watch(reachable(position(4, 0x100)), { tier }, arrives);
    assert.deepEqual([measured.lossMs, kinds], [3_000, []]);
    assert.match(measured.reason, /was stored and verified within 3s/);
    later(10);
    const lost = await watch(reachable(position(4, 0x200)), { tier: { rpoMs: 1, rtoMs: 3_600_000 } });
    assert.deepEqual(lost.kinds, ['rpo-above-tier']);
  });

  test('is everything while the only backup is broken', async () => {
    const backup = await takeBackup(secondsAgo(600));
    await putWal(position(3), position(4));
    await recordVerification(store, {
      ...{ source: sceneSource, backup, ok: false, damage: ['part 3 is missing'], execution: null, durationMs: 1 },
      at: clock.toISOString(),
    });
    const { measured, kinds } = await watch(reachable(position(4)), { tier: { rpoMs: 60_000, rtoMs: 1 } });
    assert.deepEqual([measured.lossMs, kinds], [null, ['damage', 'rpo-above-tier']]);
  });

  test('goes on along the timeline that was promoted, once its history is verified', async () => {
    await takeBackup(secondsAgo(600));
    await putWal(position(3), position(4), secondsAgo(300));
    await putWal(position(4), position(4, 0x8000), secondsAgo(200));
    await putWal(position(4), position(5), secondsAgo(20), true, 2);
    const promoted = () => watch(reachable(position(5, 0x10), { timeline: 2 }));
    assert.equal((await promoted()).measured.verified!.lsn, '0/408000');
    await readBackNow(await stored.putHistory(2, '1\t0/406000\tpromoted\n'));
    const { measured } = await promoted();
    assert.deepEqual([measured.verified!.timeline, measured.verified!.lsn, measured.lossMs], [2, '0/500000', 20_000]);
  });

  test('by a server that is gone is what it did until it was last seen', async () => {
    await takeBackup(secondsAgo(600));
    await putWal(position(3), position(4), secondsAgo(300));
    await watch(reachable(position(4, 0x10)));
    later(3600);
    const { measured } = await watch(unreachable);
    assert.equal(measured.lossMs, 300_000);
    assert.match(measured.reason, /last seen at 2026-11-20T05:00:00.000Z: nothing listens/);
  });
});

describe('trouble', () => {
  beforeEach(async () => {
    await takeBackup(secondsAgo(600));
    await putWal(position(3), position(4), secondsAgo(300));
  });

  test('with the server is told when it lasts, once, and once more when it is over', async () => {
    assert.deepEqual((await watch(unreachable)).kinds, []);
    later(60);
    assert.deepEqual((await watch(unreachable)).kinds, ['server-unreachable']);
    later(60);
    await watch(unreachable);
    assert.deepEqual([raised(), ended()], [['server-unreachable'], []]);
    await watch(reachable(position(4)));
    await watch(reachable(position(4)));
    assert.deepEqual([raised(), ended()], [['server-unreachable'], ['server-unreachable']]);
  });

  test('with the receiver is that nothing was stored for a minute while the server went on', async () => {
    await watch(reachable(position(4, 0x10)));
    later(30);
    assert.deepEqual((await watch(reachable(position(4, 0x20)))).kinds, []);
    later(30);
    const { changes } = await watch(reachable(position(4, 0x20)));
    assert.deepEqual(raised(), ['receiver-still']);
    assert.match(
      changes.raised[0]!.what,
      /^WAL is stored up to 0\/400000, the server is at 0\/400020, and nothing was stored for 1m/,
    );
    await watch(unreachable);
    assert.deepEqual(ended(), []);
    await putWal(position(4), position(4, 0x20), clock, false);
    later(60);
    await watch(reachable(position(4, 0x40)));
    assert.deepEqual(ended(), ['receiver-still']);
  });

  test('is not that the server is always a little ahead of what is stored', async () => {
    for (let chunk = 0; chunk < 5; chunk++) {
      await putWal(position(4, chunk * 0x100), position(4, (chunk + 1) * 0x100));
      assert.deepEqual((await watch(reachable(position(4, chunk * 0x100 + 0x180)))).kinds, []);
      later(60);
    }
  });

  test('is a gap between what is stored, and ends with what comes late, or with a new backup', async () => {
    await putWal(position(5), position(6));
    assert.deepEqual((await watch(reachable(position(6)))).kinds, []);
    later(60);
    const { changes } = await watch(reachable(position(6)));
    assert.deepEqual(raised(), ['wal-gap']);
    assert.match(
      changes.raised[0]!.what,
      /^WAL is missing after 0\/400000 \(segment 000000010000000000000004\), and there is WAL again from 0\/500000 on/,
    );
    await putWal(position(4), position(5));
    assert.deepEqual((await watch(reachable(position(6)))).kinds, []);
    await putWal(position(8), position(9));
    await watch(reachable(position(9)));
    later(60);
    assert.deepEqual((await watch(reachable(position(9)))).kinds, ['wal-gap']);
    await takeBackup(clock, position(8), position(8, 0x100));
    const { measured, kinds } = await watch(reachable(position(9)));
    assert.deepEqual(kinds, []);
    assert.deepEqual(measured.stored!.timelines, [
      { timeline: 1, stretches: [{ start: '0/800000', end: '0/900000' }] },
    ]);
    assert.deepEqual(
      [raised(), ended()],
      [
        ['wal-gap', 'wal-gap'],
        ['wal-gap', 'wal-gap'],
      ],
    );
  });

  test('is damage, until the object is gone', async () => {
    const object = await putWal(position(4), position(4, 0x1000), clock, false);
    await readBackNow(object, damagedStore(store, object.key));
    const { changes } = await watch(reachable(position(4, 0x1000)));
    assert.deepEqual(raised(), ['damage']);
    assert.ok(
      changes.raised[0]!.what.startsWith(`${object.key} was read back and is not as it was written: ${object.key} `),
    );
    await watch(reachable(position(4, 0x1000)));
    await store.delete(object.key);
    await watch(reachable(position(4, 0x1000)));
    assert.deepEqual([raised(), ended()], [['damage'], ['damage']]);
    assert.deepEqual((await readVerifiedWal(store, sceneSource)).damaged, []);
  });

  test('is a dump that is overdue', async () => {
    const schedules = { timezone: 'UTC', windowMinutes: 0, dump: parseSchedule('rate(1 hour)') };
    assert.deepEqual((await watch(reachable(position(4)), { schedules })).kinds, []);
    later(2 * 3600 + 10);
    assert.deepEqual((await watch(reachable(position(4)), { schedules })).kinds, ['dump-overdue']);
    assert.deepEqual((await watch(reachable(position(4)), {})).kinds, []);
  });

  test('is a backup that is overdue, or not proven in time', async () => {
    const schedules = { timezone: 'UTC', windowMinutes: 0, full: parseSchedule('rate(6 hours)') };
    const [backup] = [backupId(secondsAgo(600), 'full')];
    later(6 * 3600 + 10);
    assert.deepEqual((await watch(reachable(position(4)), { schedules })).kinds, ['unproven']);
    later(3600);
    assert.deepEqual((await watch(reachable(position(4)), { schedules })).kinds, ['backup-overdue', 'unproven']);
    const proof: Omit<Proof, 'verdict' | 'ok' | 'failure'> = {
      ...{ format: 'lifeboat-proof/1', source: sceneSource, backup, chain: [backup], target: 'its end' },
      ...{ reached: null, checks: [], durationsMs: { files: 9, replay: 9, checks: 9 }, rawBytes: 1, walBytes: 1 },
      ...{ execution: null, startedAt: clock.toISOString(), finishedAt: clock.toISOString() },
    };
    const failure = { name: 'RestoreFailed', message: 'no space' };
    await recordProof(store, { ...proof, verdict: 'not carried out', ok: false, failure });
    const tried = await watch(reachable(position(4)), { schedules });
    assert.match(tried.changes.current.at(-1)!.what, /could not be carried out: no space$/);
    await recordProof(store, { ...proof, verdict: 'proven', ok: true, failure: null, execution: 'x' });
    const proven = await watch(reachable(position(4)), { schedules, tier: { rpoMs: 60_000, rtoMs: 1 } });
    assert.deepEqual(proven.kinds, ['rto-above-tier', 'backup-overdue']);
    assert.equal(proven.measured.rto?.drills, 1);
    const { counts, window, ...summary } = proven.measured.summary!;
    assert.deepEqual(counts, { proven: 1, verified: 0, committed: 0, broken: 0 });
    assert.equal(summary.proven!.backup, backup);
    assert.ok(window!.from <= window!.to, JSON.stringify(window));
  });

  test('is told once more when its watch died before it could keep that', async () => {
    later(60);
    const dies = watchSource({
      ...{ store, source: source({ tier: { rpoMs: 0, rtoMs: 1 } }), now: () => clock, pause: async () => later(60) },
      askServer: async () => reachable(position(4, 0x10)),
      tell: async (changes) => {
        told.push(changes);
        throw new Error('killed');
      },
    });
    await assert.rejects(dies, /killed/);
    await watch(reachable(position(4, 0x10)), { tier: { rpoMs: 0, rtoMs: 1 } });
    const [first, second] = told;
    assert.deepEqual(
      second!.raised.map(({ dedupe }) => dedupe),
      first!.raised.map(({ dedupe }) => dedupe),
    );
  });

  test('is not made of clocks that jump', async () => {
    await watch(reachable(position(4)));
    later(-7200);
    const back = await watch(reachable(position(4)));
    assert.deepEqual([back.kinds, back.measured.lossMs], [[], 0]);
    assert.equal((await readExposure(store, sceneSource))!.at, clock.toISOString());
    later(100 * 86_400);
    const ahead = await watch(reachable(position(4)));
    assert.equal(ahead.measured.lossMs, 0);
  });
});

describe('a watch', () => {
  test('of a source without anything says that everything would be lost', async () => {
    const { measured, kinds } = await watch(reachable(position(7, 0x10)), { tier: { rpoMs: 60_000, rtoMs: 1 } });
    assert.deepEqual([measured.lossMs, kinds], [null, ['rpo-above-tier']]);
    assert.deepEqual((await watch(unreachable)).measured.stored, measured.stored);
  });

  test('beside another one keeps the newer measurement', async () => {
    await watch(reachable(position(7)));
    const newer = (await readExposure(store, sceneSource))!.at;
    later(-30);
    await watch(reachable(position(7)));
    assert.equal((await readExposure(store, sceneSource))!.at, newer);
  });

  test('that finds what is no measurement begins anew', async () => {
    await store.put(exposureKey(sceneSource), Buffer.from('{"format":"something else"}'));
    assert.equal((await watch(reachable(position(7)))).measured.format, 'lifeboat-exposure/1');
  });

  test('costs the same however much WAL and however many backups there were before', async () => {
    const requests = async (): Promise<{ requests: number; listed: number }> => {
      const count = { requests: 0, listed: 0 };
      const counting = new Proxy(store, {
        get: (target, member: keyof ObjectStore) => {
          const value = target[member];
          if (typeof value !== 'function') return value;
          return (...args: unknown[]) => {
            count.requests++;
            const answer = (value as (...given: unknown[]) => unknown).apply(target, args);
            return member === 'list' ? counted(answer as AsyncIterable<unknown>) : answer;
          };
        },
      });
      async function* counted(listing: AsyncIterable<unknown>) {
        for await (const object of listing) {
          count.listed++;
          yield object;
        }
      }
      await watchSource({
        ...{ store: counting, source: source(), now: () => clock, askServer: async () => reachable(position(4)) },
        tell: async () => undefined,
      });
      return count;
    };
    await takeBackup(secondsAgo(9_000));
    await putWal(position(3), position(4));
    await requests();
    const few = await requests();
    for (let segment = 4; segment < 40; segment++) await putWal(position(segment), position(segment + 1));
    await takeBackup(secondsAgo(10), position(38), position(38, 0x100));
    await requests();
    assert.deepEqual(await requests(), few);
    assert.ok(few.listed <= 1, `${few.listed}`);
  });
});

test('objects are known by their keys', () => {
  assert.equal(parseObjectKey('orders/wal/1/00000001/000000020000000000000001'), undefined);
  assert.equal(parseObjectKey('orders/backups/20261120T051345123Z-full/base.tar.000000'), undefined);
  assert.equal(parseObjectKey('orders/leases/backup'), undefined);
  assert.equal(parseObjectKey('catalog/orders/wal.json'), undefined);
  assert.equal(parseObjectKey('orders/wal/1/0000000A.history')?.kind, 'history');
});
