import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '#harness/daemon';
import { machineInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { firingName } from '#model/planned-schedules';

interface Status {
  sources: [{ dump?: { dump: string; state: string; databases: string[]; count: number } }];
  next: { schedule: string }[];
}

describe('dumps of a plan at work', { timeout: 300_000 }, () => {
  let server: TestServer;
  let daemon: TestDaemon;
  const source = {
    schedules: { dump: 'cron(0 4 1 1 ? 2099)' },
    dump: { databases: ['shop', 'postgres'] },
    checks: [{ name: 'orders', database: 'shop', query: 'select count(*) from orders', expect: 1000 }],
  };
  before(async () => {
    server = await TestServer.create(machineInstallation(), { initdb: ['--wal-segsize=1'] });
    await server.query('create role clerk login');
    await server.query('create database shop');
    await server.query(
      'create table orders as select n as id, md5(n::text) as what from generate_series(1, 1000) as n',
      { database: 'shop' },
    );
    daemon = new TestDaemon(server, { source });
    await daemon.start();
  });
  after(async () => {
    await daemon?.remove();
    await server?.remove();
  });

  const folders = (): string[] => {
    const folder = join(daemon.bucket, 'orders/dumps');
    return existsSync(folder) ? readdirSync(folder) : [];
  };
  const statusOf = async () => (await daemon.anyStatus<Status>()).sources[0];
  const nobodyHasTheLease = () => daemon.machines.invoke('check-lease', { source: 'orders', work: 'dump' });
  const nothingIsLeft = () => assert.deepEqual(readdirSync(join(daemon.folder, 'drills')), []);

  test('`lifeboat dump` ends proven, and status, evidence and notices say so', async () => {
    assert.doesNotMatch((await daemon.run(['status'])).stdout, /^ {2}dump /m);
    const dumped = await daemon.ask('dump', '--requested-by', 'Ada');
    assert.deepEqual(
      [dumped.source, dumped.kind, dumped.verdict, dumped.databases],
      ['orders', 'dump', 'proven', ['shop', 'postgres']],
      daemon.log,
    );
    const { dump } = dumped as { dump: string };
    const { stdout } = await daemon.run(['status']);
    assert.match(stdout, new RegExp(`^ {2}dump {4}${dump} is proven, .* old: shop, postgres, .* stored$`, 'm'));
    const { dump: last } = await statusOf();
    assert.deepEqual([last?.dump, last?.state, last?.count], [dump, 'proven', 1]);
    assert.deepEqual(
      daemon.evidence().map(({ who, what, outcome }) => ({ who, what, outcome })),
      [
        {
          ...{ who: 'Ada', outcome: 'succeeded' },
          what: `dump ${dump} of orders is committed; dump ${dump} of orders is proven`,
        },
      ],
    );
    assert.deepEqual(
      daemon.notices().flatMap(({ machine, title }) => (machine === 'dump' ? [title] : [])),
      [`dump ${dump} of orders is proven`],
    );
    await nobodyHasTheLease();
    nothingIsLeft();
  });

  test('the schedule is there, and a firing that comes again takes no second dump', async () => {
    const { next } = await daemon.anyStatus<Status>();
    assert.ok(next.some(({ schedule }) => schedule === 'dump-orders'));
    const due = new Date();
    const input = { source: 'orders', scheduledTime: due.toISOString().replace(/\.\d+/, '') };
    const before = folders();
    const name = firingName('dump-orders', due);
    const first = await daemon.succeeded(await daemon.machines.start('dump', input, name));
    const again = await daemon.succeeded(await daemon.machines.start('dump', input, 'by-hand'));
    const { dump } = first.output as { dump: string };
    assert.deepEqual(again.output, { source: 'orders', dump, verdict: null, proof: null });
    assert.deepEqual(
      folders().filter((id) => !before.includes(id)),
      [dump],
    );
    nothingIsLeft();
  });

  test('definitions alone are restored, too, where somebody asks for them', async () => {
    const { kind, verdict } = await daemon.ask('dump', 'orders', '--schema-only');
    // there are no rows that the check could count
    assert.deepEqual([kind, verdict], ['schema', 'proven'], daemon.log);
  });

  test('one that fails says why to who asked and to people, keeps nothing, and gives the lease back', async () => {
    daemon.writePlan({ source: { ...source, dump: { databases: ['shpo'] } } });
    const before = folders();
    const ended = await daemon.run(['dump']);
    daemon.writePlan({ source });
    assert.equal(ended.exitCode, 6, ended.stdout);
    assert.match(ended.stderr, /shpo/);
    assert.match(ended.stderr, /\nHINT: /);
    assert.deepEqual(folders(), before);
    const told = daemon.notices().filter(({ machine, occasion }) => machine === 'dump' && occasion === 'failure');
    assert.deepEqual(
      told.map(({ title, subject }) => [title, subject]),
      [['the dump of orders failed: DumpFailed', 'orders']],
    );
    assert.match(told[0]!.what, /shpo/);
    assert.ok(daemon.evidence().some(({ what, outcome }) => outcome === 'failed' && what.includes('shpo')));
    await nobodyHasTheLease();
    assert.equal((await daemon.ask('dump')).verdict, 'proven');
  });

  test('one whose rows are not as the plan’s checks want them is broken, and status says so', async () => {
    daemon.writePlan({ source: { ...source, checks: [{ ...source.checks[0], expect: 1001 }] } });
    const ended = await daemon.run(['dump', 'orders']);
    daemon.writePlan({ source });
    assert.equal(ended.exitCode, 6, ended.stdout);
    assert.match(ended.stderr, /BROKEN/);
    assert.equal((await statusOf()).dump?.state, 'broken');
    const { stdout } = await daemon.run(['status']);
    assert.match(stdout, /^ {2}dump {4}\S+ is BROKEN, /m);
    assert.match(stdout, /^WRONG +orders: dump \S+ is broken: .*1001.*\n +do +lifeboat dump orders$/m);
    nothingIsLeft();
    assert.equal((await daemon.ask('dump')).verdict, 'proven');
    assert.doesNotMatch((await daemon.run(['status'])).stdout, /is broken/);
  });
});
