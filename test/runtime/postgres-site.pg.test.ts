import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FenceFailed } from '#failover/failures';
import { embeddedInstallation, installations } from '#harness/postgres-installations';
import type { ReplicatedSite } from '#harness/replicated-site';
import { formatLsn } from '#model/lsn';
import { OrderWriter } from './order-writer.ts';
import { type SiteScene, siteScene } from './site-scene.ts';

const signalOf = ({ dataDir }: ReplicatedSite) => join(dataDir, 'standby.signal');
const ids = async (site: ReplicatedSite) =>
  (await site.query('select id from orders order by id')).map(({ id }) => Number(id));

/** Whoever starts it: as a boot or a person would. */
async function assertOnlyStandby(site: ReplicatedSite): Promise<void> {
  assert.equal(existsSync(signalOf(site)), true);
  await site.start();
  await assert.rejects(site.query('insert into orders values (-1)'), /read-only transaction/);
}

for (const installation of installations()) {
  const here = installation.name;

  test(`a primary and its standby are seen as what they are: ${here}`, async (t) => {
    const { pair, eastServer, westServer, east, signal } = await siteScene(t, installation);
    await east.query('insert into orders values (1)');
    await pair.untilCaughtUp();
    const [primary, standby] = await Promise.all([eastServer.look(signal), westServer.look(signal)]);
    assert.ok(primary.server.state === 'answers' && standby.server.state === 'answers');
    assert.deepEqual([primary.server.role, standby.server.role], ['primary', 'standby']);
    assert.deepEqual([primary.server.timeline, standby.server.timeline], [1, 1]);
    assert.equal(standby.server.systemId, primary.server.systemId);
    assert.deepEqual(
      [primary.server.streams, standby.server.streams, standby.server.readsBucket],
      [false, true, false],
    );
    assert.ok(standby.server.received! >= standby.server.lsn! && standby.server.replayedAt instanceof Date);
    assert.ok(Math.abs(primary.server.clock.getTime() - Date.now()) < 60_000);
    assert.deepEqual(primary.fence, { strength: 'hard', fenced: false, possible: true, how: 'runs', of: east.dataDir });
    const how = 'runs as a standby';
    assert.deepEqual(standby.fence, { strength: 'hard', fenced: true, possible: true, how, of: pair.west.dataDir });
  });

  test(`a gentle fence under load loses nothing that was acknowledged: ${here}`, async (t) => {
    const { east, west, eastServer, westServer, signal } = await siteScene(t, installation);
    const writer = await OrderWriter.start(east);
    await writer.until(200);
    const outcome = await eastServer.fence({ gently: true, signal });
    await writer.ended;
    assert.equal(outcome.strength, 'hard');
    assert.equal(await west.value('select pg_last_wal_receive_lsn()'), formatLsn(outcome.end!));
    assert.equal(
      (await eastServer.look(signal)).fence.how,
      'stopped; its data directory can only come up as a standby',
    );

    const promotion = await westServer.promote({ gently: true, waitMs: 20_000, signal });
    assert.deepEqual([promotion.done, promotion.timeline], [true, 2]);
    const there = new Set(await ids(west));
    assert.deepEqual(
      writer.acknowledged.filter((id) => !there.has(id)),
      [],
    );
    await assertOnlyStandby(east);
  });

  test(`a primary that hangs is fenced at once, and its sessions commit no more: ${here}`, async (t) => {
    const { east, eastServer, signal } = await siteScene(t, installation);
    const writer = await OrderWriter.start(east);
    await writer.until(10);
    process.kill(east.postmaster()!, 'SIGSTOP');
    const seen = await eastServer.look(signal);
    assert.deepEqual([seen.server.state, seen.fence.fenced, seen.fence.possible], ['silent', false, true]);
    const outcome = await eastServer.fence({ gently: false, signal });
    assert.equal(outcome.end, null);
    assert.equal(east.running(), false);
    await writer.ended;
    await assertOnlyStandby(east);
    assert.deepEqual((await ids(east)).slice(0, writer.acknowledged.length), writer.acknowledged);
  });

  test(`what a killed postmaster left behind is ended, too: ${here}`, async (t) => {
    const { east, eastServer, signal } = await siteScene(t, installation);
    const sleeper = east.query('select pg_sleep(600)').catch(() => undefined);
    while (
      (await east.value(
        "select count(*) from pg_stat_activity where query like '%sleep(600)' and pid <> pg_backend_pid()",
      )) === '0'
    );
    const backends = east.processes().filter((pid) => pid !== east.postmaster());
    for (const pid of backends) process.kill(pid, 'SIGSTOP'); // so that they do not notice
    const postmaster = east.postmaster()!;
    process.kill(postmaster, 'SIGKILL');
    while (east.postmaster() !== undefined);
    const { fence } = await eastServer.look(signal);
    assert.deepEqual(
      [fence.fenced, fence.how],
      [false, 'its postmaster is dead, and processes that it left may still commit'],
    );
    await eastServer.fence({ gently: false, signal });
    assert.equal(east.running(), false);
    await sleeper;
    await assertOnlyStandby(east);
  });

  test(`unfenced, it takes writes again and has every row, whatever was done to it meanwhile: ${here}`, async (t) => {
    const { pair, east, eastServer, signal } = await siteScene(t, installation);
    await east.query('insert into orders select generate_series(1, 50)');
    const memory = await eastServer.beforeFence(signal);
    assert.deepEqual([memory.standbySignal, memory.ran], [false, true]);
    const nothing = async () => undefined;
    const chances = [
      { before: nothing, meanwhile: nothing },
      { before: nothing, meanwhile: () => east.start() },
      { before: () => east.kill(), meanwhile: nothing },
      { before: () => east.kill(), meanwhile: () => east.start() },
    ];
    for (const { before, meanwhile } of chances) {
      await before();
      await eastServer.fence({ gently: false, signal });
      await meanwhile();
      await eastServer.unfence(memory, signal);
      await eastServer.unfence(memory, signal);
      assert.equal((await eastServer.look(signal)).fence.how, 'runs');
      assert.equal(await east.value('select count(*) from orders'), '50');
      await east.query('insert into orders values (99); delete from orders where id = 99');
      await pair.untilCaughtUp();
    }
  });
}

const embedded = embeddedInstallation();

test('fencing again finds what is there: stopped already, started by somebody, killed between signal and stop', async (t) => {
  const { east, eastServer, signal } = await siteScene(t, embedded);
  const end = (outcome: { end: bigint | null }) => formatLsn((outcome.end ?? 0n) as never);

  writeFileSync(signalOf(east), ''); // as a fence that was killed right then leaves it
  const between = (await eastServer.look(signal)).fence;
  assert.deepEqual([between.fenced, between.how], [false, 'runs; once stopped, it can only come up as a standby']);
  const first = await eastServer.fence({ gently: true, signal });
  assert.notEqual(first.end, null);
  const again = await eastServer.fence({ gently: true, signal });
  assert.deepEqual([again.how, again.end], [first.how, first.end]);

  await east.start();
  const started = await eastServer.fence({ gently: true, signal });
  assert.deepEqual([started.how, end(started)], ['runs as a standby', end(first)]);
  assert.equal(east.running(), true);

  await east.stop();
  rmSync(signalOf(east));
  const stopped = (await eastServer.look(signal)).fence;
  assert.deepEqual([stopped.fenced, stopped.how], [false, 'stopped; whoever starts it gets a primary']);
  await eastServer.fence({ gently: false, signal });
  await assertOnlyStandby(east);
});

test('one that died, was fenced and is started by somebody is not taken for a primary while it begins', async (t) => {
  const { east, eastServer, signal } = await siteScene(t, embedded);
  await east.kill();
  await eastServer.fence({ gently: false, signal });
  let begins = true;
  const started = east.start().finally(() => {
    begins = false;
  });
  const seen = new Set<boolean>();
  while (begins) seen.add((await eastServer.look(signal)).fence.fenced);
  await started;
  assert.deepEqual([...seen], [true]);
});

test('given up in the middle, a fence has already made sure of what the next start brings', async (t) => {
  const { east, eastServer } = await siteScene(t, embedded);
  const control = new AbortController();
  const fenced = eastServer.fence({ gently: true, signal: control.signal });
  while (!existsSync(signalOf(east)) && east.running()) await new Promise((next) => setTimeout(next, 1));
  assert.equal(east.running(), true);
  control.abort(new Error('told to stop'));
  await Promise.allSettled([fenced]);
  await east.stop();
  await assertOnlyStandby(east);
});

test('a standby that is fenced is stopped, and is what it was when the fence is undone', async (t) => {
  const { west, westServer, pair, signal } = await siteScene(t, embedded);
  const memory = await westServer.beforeFence(signal);
  const outcome = await westServer.fence({ gently: false, signal });
  assert.equal(outcome.how, 'stopped; its data directory can only come up as a standby');
  assert.equal(west.running(), false);
  await westServer.unfence(memory, signal);
  await pair.untilCaughtUp();
});

test('no data directory, another cluster in it, or a server elsewhere: no fence is claimed', async (t) => {
  const { east, west, pair, signal } = await siteScene(t, embedded);
  const { openSiteServer } = await import('#runtime/open-site-server');
  const open = (dataDir: string) => {
    const { connection, control } = east.site.server;
    const site = { name: 'east', server: { kind: 'postgres' as const, connection, control: { ...control, dataDir } } };
    return openSiteServer(site, { environment: process.env, group: undefined as never });
  };

  const nowhere = await open(join(pair.folder, 'none'));
  await assert.rejects(nowhere.fence({ gently: false, signal }), {
    name: 'FenceFailed',
    message: /there is no cluster/,
  });
  const facts = await nowhere.look(signal);
  assert.deepEqual([facts.server.state, facts.fence.fenced, facts.fence.possible], ['answers', false, false]);

  const twin = await open(west.dataDir); // the same system identifier, and not the server that answers
  await west.stop();
  const seen = await twin.look(signal);
  assert.match(
    seen.fence.how,
    /its control leads to another server: .*west\/data, and the server has its data in .*east/,
  );
  await assert.rejects(twin.fence({ gently: false, signal }), (failure: FenceFailed) => {
    assert.ok(failure instanceof FenceFailed);
    assert.match(failure.message, /may still take writes: its control leads to another server/);
    return true;
  });
  await east.query('insert into orders values (1)');
  await east.stop();
  assert.deepEqual((await nowhere.look(signal)).server, { state: 'absent' });
});

test('where its WAL ends is told to the byte, also across pages and segments', async (t) => {
  const scene = await siteScene(t, embedded);
  const ends: [number, number][] = [120, 112, 24, 16, 8].map((left) => [pageBytes, left]);
  for (const [unit, left] of [...ends, [segmentBytes, 16] as [number, number]]) {
    const memory = await scene.eastServer.beforeFence(scene.signal);
    await fill(scene, unit, left);
    const { end } = await scene.eastServer.fence({ gently: true, signal: scene.signal });
    assert.equal(await scene.west.value('select pg_last_wal_receive_lsn()'), formatLsn(end!), `${left} bytes left`);
    await scene.eastServer.unfence(memory, scene.signal);
    await scene.pair.untilCaughtUp();
  }
});

const pageBytes = 8192;
const segmentBytes = 16 << 20;

/** So that the checkpoint's record begins that many bytes before the end of a page or segment. */
async function fill({ east, pair }: SiteScene, unit: number, leftBytes: number): Promise<void> {
  for (let turn = 0; ; turn++) {
    assert.ok(turn < 200, `${leftBytes} bytes before the end of ${unit} is not met`);
    const left = Number(await east.value(`select ${unit} - (pg_current_wal_insert_lsn() - '0/0') % ${unit}`));
    if (left === leftBytes) break;
    const missing = left > leftBytes ? left - leftBytes : left + pageBytes - 24 - leftBytes;
    await east.query(`select pg_logical_emit_message(false, '', repeat('x', ${messageFor(missing)}))`);
  }
  await pair.untilCaughtUp();
}

/** A message takes up to 56 bytes more than its text, and a long one the headers of the pages that it fills. */
function messageFor(missingBytes: number): number {
  if (missingBytes > 100_000) return Math.min(missingBytes - 60_000, 1_000_000);
  return Math.max(missingBytes > 600 ? Math.min(missingBytes - 400, 4000) : missingBytes - 56, 1);
}

test('a standby that was told to promote, and has not done so yet, does not after its fence', async (t) => {
  const { west, westServer, signal } = await siteScene(t, embedded);
  const replaying = Number(await west.value("select pid from pg_stat_activity where backend_type = 'startup'"));
  process.kill(replaying, 'SIGSTOP'); // as one that has much to replay
  assert.equal((await westServer.promote({ gently: false, waitMs: 0, signal })).done, false);
  assert.equal((await westServer.look(signal)).fence.how, 'runs as a standby');
  await westServer.fence({ gently: false, signal });
  assert.equal(west.processes().includes(replaying), false, 'it would go on, and become the primary');
  await assertOnlyStandby(west);
});
