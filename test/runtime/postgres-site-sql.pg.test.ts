import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { embeddedInstallation, installations } from '#harness/postgres-installations';
import { formatLsn } from '#model/lsn';
import { OrderWriter } from './order-writer.ts';
import { siteScene } from './site-scene.ts';

const sql = { kind: 'sql' as const };
const slotsOf = "select coalesce(string_agg(slot_name, ','), '') from pg_replication_slots";

for (const installation of installations()) {
  test(`a fence by SQL ends an open writer, lets nobody else write, and says that it is soft: ${installation.name}`, async (t) => {
    const { pair, east, west, eastServer, westServer, signal } = await siteScene(t, installation, { control: sql });
    const open = east
      .query('begin; insert into orders values (0); select pg_sleep(600)')
      .catch((error: Error) => error);
    const unsafe = await OrderWriter.start(east, 'set synchronous_commit = off');
    await unsafe.until(100);
    const before = await eastServer.look(signal);
    assert.deepEqual([before.fence.strength, before.fence.fenced, before.fence.possible], ['soft', false, true]);

    const outcome = await eastServer.fence({ gently: true, signal });
    assert.equal(outcome.strength, 'soft');
    assert.match(String(await open), /terminating connection/);
    await unsafe.ended;
    await assert.rejects(east.query('insert into orders values (-1)'), /read-only transaction/);
    assert.equal((await eastServer.look(signal)).fence.fenced, true);
    assert.equal(await east.value(slotsOf), 'lifeboat_west');

    await pair.untilCaughtUp();
    assert.equal(await west.value(`select pg_last_wal_receive_lsn() >= '${formatLsn(outcome.end!)}'`), 't');
    assert.equal((await westServer.promote({ gently: true, waitMs: 20_000, signal })).timeline, 2);
    assert.equal(await west.value('select count(*) from orders where id > 0'), String(unsafe.acknowledged.length));
    await west.query('insert into orders values (-1)'); // nothing of the fence came along
  });
}

const embedded = embeddedInstallation();

test('a session that was told to end and has not yet is waited for', async (t) => {
  const { east, eastServer, signal } = await siteScene(t, embedded, { control: sql });
  const client = new pg.Client({ ...east.connection, ssl: false });
  client.on('error', () => undefined); // it is ended, which is what is looked at
  await client.connect();
  await client.query('begin; insert into orders values (0)');
  const { pid } = (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!;
  process.kill(pid, 'SIGSTOP');
  const order: string[] = [];
  const fenced = eastServer.fence({ gently: true, signal }).then(() => order.push('fenced'));
  while (!hasPending(pid)) await sleep(5);
  await sleep(500);
  order.push('lets it go on');
  process.kill(pid, 'SIGCONT');
  await fenced;
  assert.deepEqual(order, ['lets it go on', 'fenced']);
});

/** Bit 15 is SIGTERM: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html */
const hasPending = (pid: number) => {
  const [, mask = '0'] = /^ShdPnd:\t(\w+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (Number.parseInt(mask.slice(-4), 16) & (1 << 14)) !== 0;
};

test('in a hurry the slot of the standby goes, and unfenced it is back and everybody writes', async (t) => {
  const { pair, east, eastServer, signal } = await siteScene(t, embedded, { control: sql });
  await east.query("select pg_create_physical_replication_slot('lifeboat', true)");
  const memory = await eastServer.beforeFence(signal);
  assert.deepEqual([memory.setting, (memory.slots as string[]).sort()], [null, ['lifeboat', 'lifeboat_west']]);
  const { how } = await eastServer.fence({ gently: false, signal });
  assert.match(how, /dropped the slots lifeboat_west/);
  assert.equal(await east.value(slotsOf), 'lifeboat');
  assert.equal((await eastServer.fence({ gently: false, signal })).strength, 'soft');

  await eastServer.unfence(memory, signal);
  await eastServer.unfence(memory, signal);
  await east.query('insert into orders values (1)');
  await pair.untilCaughtUp();
  assert.equal((await eastServer.look(signal)).fence.fenced, false);
});

test('what ALTER SYSTEM had said before the fence is said again afterwards', async (t) => {
  const { east, eastServer, signal } = await siteScene(t, embedded, { control: sql });
  await east.query('alter system set default_transaction_read_only = off');
  await east.query('select pg_reload_conf()');
  const memory = await eastServer.beforeFence(signal);
  await eastServer.fence({ gently: true, signal });
  await eastServer.unfence(memory, signal);
  const setting = "select setting from pg_file_settings where name = 'default_transaction_read_only'";
  assert.equal(await east.value(setting), 'off');
});

test('a client that insists evades a soft fence, and is seen', async (t) => {
  const { east, eastServer, signal } = await siteScene(t, embedded, { control: sql });
  await eastServer.fence({ gently: true, signal });
  const writer = await OrderWriter.start(east, 'begin read write');
  await writer.until(1);
  const { fence } = await eastServer.look(signal);
  assert.deepEqual([fence.fenced, fence.how], [false, 'read-only by default, but 1 sessions write']);
  await eastServer.fence({ gently: true, signal });
  await writer.ended;
});

test('a server that does not answer cannot be fenced by SQL', async (t) => {
  const { east, eastServer, signal } = await siteScene(t, embedded, { control: sql });
  process.kill(east.postmaster()!, 'SIGSTOP');
  const hangs = await eastServer.look(signal);
  assert.deepEqual([hangs.server.state, hangs.fence.fenced, hangs.fence.possible], ['silent', false, false]);
  await assert.rejects(eastServer.fence({ gently: false, signal }), { name: 'FenceFailed' });
  await east.kill();
  await assert.rejects(eastServer.fence({ gently: false, signal }), {
    name: 'FenceFailed',
    message: /ECONNREFUSED|no socket|not/,
  });
});
