import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '#harness/daemon';
import { until } from '#harness/daemon-process';
import { machineInstallation, serverAccount } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { RunbookReader } from '#harness/runbook-reader';

describe('a runbook is followed word by word', { timeout: 600_000 }, () => {
  const installation = machineInstallation();
  const words = { REASON: 'it was lost', APPROVER: 'Ada' };
  const places: string[] = [];
  let server: TestServer;
  let daemon: TestDaemon;
  let reader: RunbookReader;
  const shop = { database: 'shop' };
  const place = (name: string): string => {
    const path = join(daemon.folder, name);
    places.push(path);
    return path;
  };
  const sums = () =>
    server.query(
      `select (select count(*) from orders) as orders, (select sum(id) from orders) as ids,
              (select string_agg(what, ',' order by id) from lines) as lines,
              (select count(*) from pg_indexes where tablename in ('orders', 'lines')) as indexes`,
      shop,
    );

  before(async () => {
    server = await TestServer.create(installation, { initdb: ['--wal-segsize=1'] });
    await server.query('create database shop');
    await server.query(
      `create table orders (id int generated always as identity primary key, what text not null);
       insert into orders (what) select md5(n::text) from generate_series(1, 1000) as n;
       create table lines (id int primary key, what text unique, twice int generated always as (id * 2) stored);
       insert into lines (id, what) values (1, 'one'), (2, 'two'), (3, 'three')`,
      shop,
    );
    const approvers = [{ name: 'Ada' }, { name: 'Grace' }];
    const source = { dump: { databases: ['shop'] }, tier: { rpo: '1m', rto: '1h' } };
    daemon = new TestDaemon(server, { plan: { approvers, fourEyes: true }, source });
    reader = new RunbookReader(daemon);
    await daemon.start();
    await daemon.provenBackup();
  });
  after(async () => {
    const pgCtl = join(installation.binDir, 'pg_ctl');
    for (const path of places) {
      if (!existsSync(join(path, 'postmaster.pid'))) continue;
      spawnSync(pgCtl, ['-D', path, '-m', 'immediate', 'stop'], { ...serverAccount, cwd: '/' });
    }
    await daemon?.remove();
    await server?.remove();
  });

  test('single-table: a table that was dropped comes back from the dump', async () => {
    await daemon.ask('dump');
    const was = await sums();
    await server.query('drop table lines', shop);
    const asked = ['single-table', '--table', 'public.lines', '--place', place('unused')];
    const page = await reader.read(...asked);
    assert.deepEqual(page.fillIn, []);
    await reader.follow(page, ['the table is gone'], words);
    assert.deepEqual(await sums(), was);
    assert.equal(await server.value("select count(*) from pg_database where datname = 'rescue'"), '0');
  });

  test('single-table: rows that were lost come back from the dump, and newer ones stay', async () => {
    await server.query("insert into orders (what) values ('after the dump')", shop);
    const was = await sums();
    await server.query('delete from orders where id % 3 = 0', shop);
    const asked = ['single-table', '--table', 'public.orders', '--place', place('unused-too')];
    await reader.follow(await reader.read(...asked), ['rows are lost or wrong'], words);
    assert.deepEqual(await sums(), was);
    await server.query('drop table orders_rescued', shop);
  });

  test('bad-change: what was deleted after an instant is brought back as it was at that instant', async () => {
    await server.query("insert into orders (what) values ('long after the dump')", shop);
    const was = await sums();
    const time = await server.value('select clock_timestamp()');
    await server.query('delete from orders where id > 500', shop);
    await server.query('drop table lines', shop);
    await daemon.untilStored();
    const asked = (table: string) => [
      ...['bad-change', '--time', time, '--database', 'shop', '--table', table],
      ...['--place', place(`at-the-instant-${table}`)],
    ];
    await reader.follow(await reader.read(...asked('public.orders')), ['rows are lost or wrong'], words);
    await reader.follow(await reader.read(...asked('public.lines')), ['the table is gone'], words);
    assert.deepEqual(await sums(), was);
    await server.query('drop table orders_rescued', shop);
  });

  test('database-gone: all of it comes back where it was, and is backed up again', async () => {
    await server.query("insert into orders (what) values ('the last one')", shop);
    const was = await sums();
    await daemon.untilStored();
    await daemon.settled();
    await server.stop('immediate');
    rmSync(server.dataDir, { recursive: true });
    const page = await reader.read('database-gone', '--place', place('back'));
    const says = page.sections.find(({ key }) => key === 'now')!.items.map(({ text }) => text);
    assert.ok(
      says.some((line) => /^Newest proven backup: \d{8}T\d{9}Z-full, /.test(line)),
      says.join('\n'),
    );
    assert.ok(
      says.some((line) => /^Time to restore \(RTO\): .*, promised 1h at most \(/.test(line)),
      says.join('\n'),
    );
    await reader.follow(page, ['it archived'], words);
    assert.deepEqual(await sums(), was);
    assert.equal(await server.value('select pg_is_in_recovery()'), 'f');
    const backups = await daemon.ask<{ backups: { start: { timeline: number } }[] }>('backups');
    assert.equal(backups.backups.at(-1)!.start.timeline, 2);
    // as the page says when it is over
    const wrong = async () => (await daemon.anyStatus<{ problems: unknown[] }>()).problems;
    await until('nothing is wrong any more', async () => (await wrong()).length === 0, 120_000, 1_000);
  });
});
