import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '#harness/daemon';
import { until } from '#harness/daemon-process';
import { embeddedInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';

interface Status {
  problems: { source: string; what: string; since: string | null; todo: string }[];
  sources: { counts: Record<string, number> }[];
}

describe('lifeboat status', { timeout: 300_000 }, () => {
  let server: TestServer;
  let daemon: TestDaemon;
  before(async () => {
    server = await TestServer.create(embeddedInstallation(), { initdb: ['--wal-segsize=1'] });
    daemon = new TestDaemon(server);
  });
  after(async () => {
    await daemon?.remove();
    await server?.remove();
  });

  /** What a person reads, with the exit code that it has to have. */
  async function assertStatus(exitCode: number, ...says: RegExp[]): Promise<void> {
    const ended = await daemon.run(['status']);
    const said = `exit code ${ended.exitCode}\n${ended.stdout}${ended.stderr}\n${daemon.log}`;
    assert.equal(ended.exitCode, exitCode, said);
    for (const pattern of says) assert.match(ended.stdout, pattern, said);
  }

  const isWell = async (): Promise<boolean> => {
    const { problems } = await daemon.anyStatus<Status>();
    return problems.length === 0;
  };

  /** What the watch has measured was measured so long ago. */
  function letTimePass(minutes: number): void {
    const file = join(daemon.bucket, 'catalog/orders/exposure.json');
    const measured = JSON.parse(readFileSync(file, 'utf8'));
    for (const part of [measured.behind, measured.gap, measured.server]) {
      if (part?.since) part.since = earlier(part.since, minutes);
    }
    writeFileSync(file, JSON.stringify({ ...measured, at: earlier(measured.at, minutes) }));
  }

  test('is 9 without a daemon, and 0 once all that there is is proven', async () => {
    await assertStatus(9, /^daemon +NOT RUNNING: .*`lifeboat up`/m, /there is no backup/, /THINGS NEED SOMEBODY/);
    await daemon.start();
    await assertStatus(9, /^WRONG +orders: there is no backup\n +do +lifeboat backup --source orders$/m);
    const id = await daemon.provenBackup();
    await assertStatus(0, new RegExp(`proven +${id}`), /receive-orders runs/, /^everything is as it should be$/m);
    await daemon.kill9();
    await assertStatus(9, /^daemon +NOT RUNNING/m, /^ONE THING NEEDS SOMEBODY$/m);
    await daemon.start();
  });

  test('is 9 when a check fails in a drill: that backup is broken, until a drill goes well', async () => {
    daemon.writePlan({ source: { checks: [{ name: 'orders', query: 'select 2', expect: 3 }] } });
    const drill = await daemon.ended(await daemon.machines.start('drill', { source: 'orders' }));
    assert.deepEqual([drill.status, drill.error], ['FAILED', 'BackupBroken']);
    await assertStatus(
      9,
      /backups +1 broken/,
      /^WRONG +orders: backup \S+-full is broken: .*query orders: found 2, expected 3/m,
      /^ +do +lifeboat backup --source orders --type full$/m,
    );
    daemon.writePlan({});
    await daemon.succeeded(await daemon.machines.start('drill', { source: 'orders' }));
    await assertStatus(0, /backups +1 proven/);
  });

  test('is 9 while the server is gone, from the first moment on', async () => {
    await server.stop();
    const gone = /^WRONG +orders: the server cannot be reached: .*\(since .*\)\n +do +lifeboat init --check$/m;
    await assertStatus(9, gone);
    letTimePass(2);
    await assertStatus(9, gone, /^ONE THING NEEDS SOMEBODY$/m);
    await until('people are told', () => daemon.notices().some(({ what }) => /cannot be reached/.test(what)));
    await server.start();
    await until('the receiver is back', isWell, 20_000, 200);
  });

  test('is 9 when WAL is missing, which the watch finds within an hour, until there is a backup behind it', async () => {
    await server.query('create table orders (id int)');
    for (let count = 0; count < 4; count++) {
      await server.query('insert into orders select generate_series(1, 100); select pg_switch_wal()');
    }
    await daemon.untilStored();
    const segment = await server.value('select pg_walfile_name(pg_current_wal_lsn() - 2 * 1024 * 1024)');
    const lost = walObjects(daemon.bucket).filter((path) => path.includes(segment));
    assert.ok(lost.length > 0, segment);
    for (const path of lost) rmSync(path);
    await assertStatus(
      9,
      new RegExp(`^WRONG +orders: WAL segment ${segment} is missing: `, 'm'),
      /^ +do +lifeboat backup --source orders --type full$/m,
    );
    letTimePass(61); // it lists everything once an hour
    await assertStatus(9);
    letTimePass(2);
    await assertStatus(9, new RegExp(`^WRONG +orders: WAL is missing after .*${segment}`, 'm'), /^ONE THING NEEDS/m);
    await until('people are told', () => daemon.notices().some(({ what }) => /WAL is missing after/.test(what)));
    await daemon.provenBackup();
    await assertStatus(0);
  });

  test('is 9 while the receiver fails again and again, with its own reason and what to do', async () => {
    await daemon.stop();
    await server.query("alter system set max_slot_wal_keep_size = '1MB'");
    await server.query('select pg_reload_conf()');
    const lost = "select wal_status = 'lost' from pg_replication_slots where slot_name = 'lifeboat'";
    await until('the slot is lost', async () => {
      for (let count = 0; count < 3; count++) {
        await server.query('insert into orders select generate_series(1, 100); select pg_switch_wal()');
      }
      await server.query('checkpoint');
      return (await server.value(lost)) === 't';
    });
    const from = daemon.log.length;
    await daemon.start();
    await daemon.waitUntil(
      /service receive-orders ended with code 6: .*was invalidated.*\n +HINT: .*pg_drop_repl/,
      from,
    );
    await assertStatus(9);
    letTimePass(2);
    await assertStatus(
      9,
      /^WRONG +orders: WAL is stored up to \S+, the server is at \S+, and nothing was stored for 2m/m,
    );
    const down = /^WRONG +orders: the WAL receiver (is down|was started again .* ago): .*was invalidated/m;
    for (let times = 0; times < 2; times++) {
      await assertStatus(9, down, /^ +do .*select pg_drop_replication_slot\('lifeboat'\).*take a full backup/m);
    }
  });
});

const earlier = (instant: string, minutes: number): string =>
  new Date(Date.parse(instant) - minutes * 60_000).toISOString();

const walObjects = (bucket: string): string[] =>
  readdirSync(join(bucket, 'orders/wal'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
