import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withPut } from '#harness/held-store';
import { embeddedInstallation, installations, machineInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { currentLsn, systemId, WalBucket } from '#harness/wal-bucket';
import { LeaseHeld, WalBroken } from '#model/failure';
import { formatLsn, type Lsn, lsn, parseLsn } from '#model/lsn';
import type { ObjectStore } from '#store/object-store';
import { type ReceiverEvent, type ReceiveWalWork, receiveWal } from '#tasks/receive-wal';
import { WalWriter } from '#tasks/wal-writer';

const small = { initdb: ['--wal-segsize=1'] };
const cleanups: (() => unknown)[] = [];
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function newServer(...args: Parameters<typeof TestServer.create>): Promise<TestServer> {
  const server = await TestServer.create(...args);
  cleanups.push(() => server.remove());
  return server;
}

async function newBucket(encryption: 'encrypted' | 'plain' = 'plain'): Promise<WalBucket> {
  const bucket = await WalBucket.create(encryption);
  cleanups.push(() => bucket.remove());
  return bucket;
}

/** A receiver in this process: what it told, how to end it, and how it ended. */
function startReceiver(server: TestServer, bucket: WalBucket, over: Partial<ReceiveWalWork> = {}) {
  const controller = new AbortController();
  const events: ReceiverEvent[] = [];
  const ended = receiveWal({
    source: 'orders',
    store: bucket.store,
    keyRing: bucket.keyRing,
    connectOptions: async () => server.connection,
    slot: 'lifeboat',
    walChunkSeconds: 0.2,
    level: 1,
    lease: { holder: { host: 'test', pid: 1 }, durationMs: 1_000, clockSkewMs: 0 },
    signal: controller.signal,
    log: (event) => events.push(event),
    ...over,
  });
  ended.catch(() => undefined); // the test that expects it awaits it
  cleanups.push(() => controller.abort());
  const end = () => {
    controller.abort();
    return ended;
  };
  return { events, ended, end };
}

type Receiver = ReturnType<typeof startReceiver>;

/** For receivers that are expected to end by themselves. */
const limited = { timeout: 20_000 };

async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > giveUpAt) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(10);
  }
}

const storedUntil = ({ events }: Receiver): Lsn =>
  events.reduce((end, event) => (event.kind === 'stored' && event.end > end ? event.end : end), lsn(0n));

const beginOf = ({ events }: Receiver): Lsn => {
  const receiving = events.find((event) => event.kind === 'receiving');
  assert.ok(receiving?.kind === 'receiving', 'the receiver has begun');
  return receiving.start;
};

const untilStored = (receiver: Receiver, position: Lsn) =>
  until(`WAL up to ${formatLsn(position)} is stored`, () => storedUntil(receiver) >= position);

const untilReceiving = (receiver: Receiver) =>
  until('it receives', () => receiver.events.some((event) => event.kind === 'receiving'));

const restartLsn = async (server: TestServer) =>
  parseLsn(await server.value('select restart_lsn from pg_replication_slots'));

const write = (server: TestServer, kilobytes: number) =>
  server.query(`
    create table if not exists filler (content text);
    insert into filler select repeat('x', 900) from generate_series(1, ${kilobytes})`);

describe('each version', { concurrency: true }, () => {
  for (const [index, installation] of installations().entries()) {
    describe(installation.name, () => {
      test('WAL is stored within seconds, segments as the server has them, and what comes last at the end', async () => {
        const server = await newServer(installation, index === 0 ? small : {});
        const bucket = await newBucket('encrypted');
        const receiver = startReceiver(server, bucket);
        await untilReceiving(receiver);
        await write(server, 10);
        const written = await currentLsn(server);
        const begun = performance.now();
        await untilStored(receiver, written);
        assert.ok(performance.now() - begun < 2_000, 'a chunk is stored every 200 ms');
        assert.ok((await bucket.names()).some((name) => /\.[0-9A-F]{8}-[0-9A-F]{8}$/.test(name)));

        for (let i = 0; i < 3; i++) {
          await write(server, 700);
          await server.query('select pg_switch_wal()');
        }
        await untilStored(receiver, await currentLsn(server));
        const { compared, different } = await bucket.compareSegments(server);
        assert.deepEqual(different, []);
        assert.ok(compared >= 3, `${compared} segments`);

        const headers = await Promise.all((await bucket.keys()).map((key) => bucket.reader.header(key)));
        const nonces = new Set(headers.map(({ key, serial }) => `${key!.wrapped} ${serial}`));
        assert.equal(nonces.size, headers.length, 'no nonce is used twice under one key');

        const before = (await bucket.names()).length;
        await sleep(500);
        assert.equal((await bucket.names()).length, before, 'an idle server costs nothing');

        await server.query('checkpoint');
        const last = await currentLsn(server);
        await receiver.end();
        assert.ok((await bucket.coveredUntil(server, 1, beginOf(receiver))) >= last);
        assert.equal(await restartLsn(server), storedUntil(receiver), 'the server was told before the end');
      });

      test('a promotion is followed to the new timeline', async () => {
        const server = await newServer(installation, small);
        const bucket = await newBucket();
        await write(server, 100);
        await server.stop();
        writeFileSync(join(server.dataDir, 'standby.signal'), '');
        await server.start();
        const receiver = startReceiver(server, bucket);
        await untilReceiving(receiver);
        await server.query('select pg_promote()');
        await write(server, 10);
        await untilStored(receiver, await currentLsn(server));
        await receiver.end();
        const inventory = await bucket.inventory(server);
        assert.deepEqual([...inventory.timelines.keys()], [1, 2]);
        assert.equal(inventory.histories.get(2)?.ancestors[0]?.timeline, 1);

        const later = startReceiver(server, bucket);
        await write(server, 1500);
        const written = await currentLsn(server);
        await untilStored(later, written);
        await later.end();
        assert.ok(
          later.events.every((event) => 'timeline' in event && event.timeline === 2),
          'no gap at the switch',
        );
        assert.ok((await bucket.coveredUntil(server, 2, beginOf(receiver))) >= written);
        assert.deepEqual((await bucket.compareSegments(server)).different, []);
      });

      test('a slot that was invalidated is told, with what to do', limited, async () => {
        const server = await newServer(installation, {
          ...small,
          settings: { max_slot_wal_keep_size: '1MB', wal_keep_size: '0', max_wal_size: '2MB' },
        });
        const bucket = await newBucket();
        const receiver = startReceiver(server, bucket);
        await untilReceiving(receiver);
        await receiver.end();
        for (let i = 0; i < 4; i++) {
          await write(server, 1200);
          await server.query('select pg_switch_wal(); checkpoint');
        }
        assert.equal(await server.value('select wal_status from pg_replication_slots'), 'lost');
        await assert.rejects(startReceiver(server, bucket).ended, (failure: WalBroken) => {
          assert.ok(failure instanceof WalBroken);
          assert.match(failure.message, /^replication slot lifeboat /);
          assert.match(failure.hint!, /pg_drop_replication_slot\('lifeboat'\).*full backup/);
          return true;
        });
      });

      test('a server that restarts is not held up, and is received from again', async () => {
        const server = await newServer(installation, small);
        const bucket = await newBucket();
        const receiver = startReceiver(server, bucket, { walChunkSeconds: 3600 });
        await untilReceiving(receiver);
        await write(server, 1500);
        await until('a whole segment is stored', () => storedUntil(receiver) > 0n);
        await write(server, 10);
        const begun = performance.now();
        await server.stop('fast');
        assert.ok(performance.now() - begun < 5_000, 'a shutdown waits until all it sent is stored');
        await until('the loss is noticed', () => receiver.events.some((event) => event.kind === 'waiting'));
        await server.start();
        await write(server, 1500);
        const written = await currentLsn(server);
        await server.query('select pg_switch_wal()');
        await untilStored(receiver, written);
        await receiver.end();
        assert.ok((await bucket.coveredUntil(server, 1, beginOf(receiver))) >= written);
      });
    });
  }
});

describe('whatever happens', { concurrency: 2 }, () => {
  test('a receiver that is killed loses nothing, and the next one goes on from slot and bucket alone', async () => {
    const server = await newServer(machineInstallation(), { ...small, settings: { wal_keep_size: '64MB' } });
    const bucket = await newBucket();
    const from = await currentLsn(server);
    for (let kills = 0; kills < 3; kills++) {
      const child = fork(new URL('receive-wal-child.ts', import.meta.url), [
        JSON.stringify({ connection: server.connection, bucket: bucket.path }),
      ]);
      await once(child, 'message'); // it receives
      await write(server, 1200);
      await sleep(40 * kills);
      child.kill('SIGKILL');
      await once(child, 'exit');
      await write(server, 300);
    }
    const receiver = startReceiver(server, bucket);
    await write(server, 10);
    const written = await currentLsn(server);
    await untilStored(receiver, written);
    await receiver.end();
    const segment = lsn((from / (1n << 20n)) << 20n);
    assert.ok((await bucket.coveredUntil(server, 1, segment)) >= written);
    const { compared, different } = await bucket.compareSegments(server);
    assert.deepEqual(different, []);
    assert.ok(compared >= 4, `${compared} segments`);
  });

  test('the server is told of nothing that is not stored, and memory stays bounded while the store is slow', async () => {
    const server = await newServer(embeddedInstallation(), small);
    const bucket = await newBucket();
    let waiting = 0;
    let most = 0;
    let open = false;
    cleanups.push(() => {
      open = true;
    });
    const slow: ObjectStore = {
      ...delegated(bucket.store),
      async put(key, body, options) {
        if (!key.includes('/wal/')) return bucket.store.put(key, body, options);
        most = Math.max(most, ++waiting);
        while (!open) await sleep(10);
        waiting--;
        return bucket.store.put(key, body, options);
      },
    };
    const receiver = startReceiver(server, bucket, { store: slow });
    await untilReceiving(receiver);
    const begun = await restartLsn(server);
    await write(server, 12_000);
    await until('puts are waiting', () => waiting === 2);
    await sleep(500);
    const [row] = await server.query('select flush_lsn, sent_lsn from pg_stat_replication');
    assert.ok(!row!.flush_lsn || parseLsn(row!.flush_lsn) <= begun, `flushed ${row!.flush_lsn}, nothing is stored`);
    assert.ok((await currentLsn(server)) - begun > 8n << 20n);
    assert.ok(parseLsn(row!.sent_lsn!) - begun < 5n << 20n, 'what is not stored waits in the server, not in memory');
    assert.equal(await restartLsn(server), begun);
    open = true;
    await untilStored(receiver, await currentLsn(server));
    assert.equal(most, 2);
    await receiver.end();
    assert.equal(await restartLsn(server), storedUntil(receiver));
  });

  test('a second receiver waits for the first one to end, and then goes on', async () => {
    const server = await newServer(embeddedInstallation(), small);
    const bucket = await newBucket();
    const first = startReceiver(server, bucket);
    await untilReceiving(first);
    const second = startReceiver(server, bucket);
    await until('the second waits', () => second.events.length > 0);
    assert.ok(second.events[0]?.kind === 'waiting' && second.events[0].failure instanceof LeaseHeld);
    await first.end();
    await untilReceiving(second);
    await second.end();
  });

  test('a slot that was dropped leaves no gap while the server has the WAL, and a gap that stays is told', async () => {
    const server = await newServer(machineInstallation(), { ...small, settings: { wal_keep_size: '64MB' } });
    const bucket = await newBucket();
    const receiver = startReceiver(server, bucket);
    await untilStored(receiver, await currentLsn(server));
    await receiver.end();
    await server.query("select pg_drop_replication_slot('lifeboat')");
    await write(server, 3000);
    await server.query('checkpoint'); // where a new slot begins
    const again = startReceiver(server, bucket);
    await untilReceiving(again);
    await write(server, 10);
    const written = await currentLsn(server);
    await untilStored(again, written);
    await again.end();
    assert.ok((await bucket.coveredUntil(server, 1, beginOf(receiver))) >= written, 'the gap was closed');

    await server.query("select pg_drop_replication_slot('lifeboat')");
    for (const setting of ["wal_keep_size = '0'", "max_wal_size = '2MB'"])
      await server.query(`alter system set ${setting}`);
    await server.query('select pg_reload_conf()');
    for (let i = 0; i < 4; i++) {
      await write(server, 1500);
      await server.query('checkpoint');
    }
    const late = startReceiver(server, bucket);
    await until('the gap is told', () => late.events.some((event) => event.kind === 'gap'));
    await untilStored(late, await currentLsn(server));
    await late.end();
    const gap = late.events.find((event) => event.kind === 'gap');
    assert.ok(gap?.kind === 'gap' && gap.after >= written && gap.before > gap.after);
    assert.equal(await bucket.coveredUntil(server, 1, beginOf(receiver)), gap.after);
  });

  test('WAL that differs from what is stored is refused', limited, async () => {
    const server = await newServer(embeddedInstallation(), small);
    const bucket = await newBucket();
    const receiver = startReceiver(server, bucket);
    await untilReceiving(receiver);
    await receiver.end();
    // what a server that was reset to an earlier state writes in this place, stored as the next chunk
    const position = storedUntil(receiver) > 0n ? storedUntil(receiver) : beginOf(receiver);
    const id = await systemId(server);
    const { store, keyRing } = bucket;
    const writer = await WalWriter.create({
      store,
      keyRing,
      source: 'orders',
      systemId: id,
      segmentSize: 1 << 20,
      level: 1,
    });
    const end = lsn(position + 1000n);
    await writer.put({ timeline: 1, start: position, end, bytes: Buffer.alloc(1000, 7), time: new Date() });
    await write(server, 10);
    await assert.rejects(startReceiver(server, bucket).ended, (failure: WalBroken) => {
      assert.ok(failure instanceof WalBroken);
      assert.match(failure.message, /differs from what is stored/);
      return true;
    });
  });
});

function delegated(store: ObjectStore): ObjectStore {
  return {
    url: store.url,
    put: (...args) => store.put(...args),
    head: (...args) => store.head(...args),
    get: (...args) => store.get(...args),
    list: (...args) => store.list(...args),
    folders: (...args) => store.folders(...args),
    delete: (...args) => store.delete(...args),
    abortStaleUploads: (...args) => store.abortStaleUploads(...args),
  };
}

test('a receiver is alive while nothing waits for the store, and not while a put does not end', async () => {
  const server = await newServer(embeddedInstallation(), small);
  const bucket = await newBucket();
  const held = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const store = withPut(bucket.store, (next) => async (key, body, options) => {
    if (key.includes('/wal/')) {
      arrived.resolve();
      await held.promise;
    }
    return next(key, body, options);
  });
  let pulses = 0;
  const receiver = startReceiver(server, bucket, { store, alive: () => pulses++, aliveMs: 10 });
  await untilReceiving(receiver);
  await until('an idle one is alive', () => pulses > 2);
  await write(server, 10);
  await arrived.promise;
  const before = pulses;
  await sleep(200);
  assert.equal(pulses, before, 'what is not stored is not alive');
  held.resolve();
  await until('it goes on', () => pulses > before);
  await receiver.end();
});
