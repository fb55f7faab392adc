import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { TestDaemon } from '#harness/daemon';
import { until } from '#harness/daemon-process';
import { embeddedInstallation, serverAccount } from '#harness/postgres-installations';
import { makeServerFolder, TestServer } from '#harness/postgres-server';
import { stopRestoredServer } from '#runtime/restored-server';

/** Two real clusters, each with a table whose rows say which of two moments it knows. */
describe('a system of two sources', { timeout: 300_000 }, () => {
  const servers: Record<'orders' | 'ledger', TestServer> = {} as never;
  let daemon: TestDaemon;
  /** between the first row and the second one of both */
  let moment: string;
  const at = (name: string) => join(daemon.folder, name);
  const content = (name: string) => readFileSync(at(name), 'utf8').trim();

  before(async () => {
    const initdb = ['--wal-segsize=1'];
    for (const name of ['orders', 'ledger'] as const)
      servers[name] = await TestServer.create(embeddedInstallation(), { initdb });
    daemon = new TestDaemon(servers.orders);
    makeServerFolder(at('sockets'));
    const sourceOf = ({ connection }: TestServer) => ({ connection, walChunkSeconds: 1, compressionLevel: 1 });
    const start = (port: number) => ({
      port,
      settings: { listen_addresses: '', unix_socket_directories: at('sockets'), fsync: false },
    });
    const common = {
      applications: [
        { kind: 'file', path: './jobs', active: 1 },
        { kind: 'file', path: './web', active: 3 },
      ],
      settings: [{ kind: 'file', path: './address', value: 'restored' }],
    };
    const connection = { host: at('sockets'), user: 'postgres' };
    const systems = {
      shop: {
        ...common,
        sources: [
          { source: 'orders', to: at('restored/orders'), after: ['ledger'], start: start(5501) },
          { source: 'ledger', to: at('restored/ledger'), start: start(5502) },
        ],
        health: [
          { kind: 'sql', connection: { ...connection, port: 5501 }, query: 'select count(*) from told', expect: 1 },
          { kind: 'sql', connection: { ...connection, port: 5502 }, query: 'select count(*) from told', expect: 1 },
        ],
        healthyWithin: '1m',
      },
      blocked: {
        ...common,
        sources: [
          { source: 'ledger', to: at('blocked/ledger'), start: start(5503) },
          { source: 'orders', to: at('blocked/orders'), after: ['ledger'], start: start(5504) },
        ],
      },
    };
    const sources = { orders: sourceOf(servers.orders), ledger: sourceOf(servers.ledger) };
    daemon.writePlan({ plan: { sources, systems, approvers: [{ name: 'Ada' }], fourEyes: true } });
    for (const [name, value] of Object.entries({ jobs: '1', web: '2', address: 'old' })) give(at(name), value);
    for (const folder of ['restored', 'blocked']) makeServerFolder(at(folder));
    await daemon.start();
    for (const server of Object.values(servers)) await server.query('create table told (row int)');
    await daemon.succeeded(await daemon.machines.start('backup', {}));
    for (const server of Object.values(servers)) await server.query('insert into told values (1)');
    moment = await servers.ledger.value('select clock_timestamp()');
    await sleep(20); // the next commit is later than that
    for (const server of Object.values(servers)) await server.query('insert into told values (2)');
    for (const server of Object.values(servers)) await untilStored(server);
  });

  after(async () => {
    for (const place of ['restored/orders', 'restored/ledger', 'blocked/ledger'])
      if (existsSync(at(place))) await stopRestoredServer(at(place), AbortSignal.timeout(30_000));
    await daemon?.remove();
    for (const server of Object.values(servers)) await server.remove();
  });

  test('comes back to one instant by one yes: restored in order, started, asked, with a time for each', async () => {
    const command = daemon.run(['recover-system', 'shop', '--time', moment, '--reason', 'both disks', '--json']);
    const arn = await startedExecution(daemon);
    const { plan } = await daemon.question(arn);
    assert.match(plan, /restores {5}ledger from \S+-full, then orders from \S+-full/);
    assert.match(plan, /target {7}.*, the same for all/);
    assert.deepEqual([content('jobs'), content('web'), existsSync(at('restored/ledger'))], ['1', '2', false]);
    await daemon.answer(arn);
    const { exitCode, stdout, stderr } = await command;
    assert.equal(exitCode, 0, `${stdout}${stderr}\n${daemon.log}`);

    const said = JSON.parse(stdout) as { rtoMs: number; sources: { source: string; rtoMs: number; port: number }[] };
    assert.deepEqual(
      said.sources.map(({ source, port }) => [source, port]),
      [
        ['ledger', 5502],
        ['orders', 5501],
      ],
    );
    for (const port of [5501, 5502])
      assert.deepEqual(await rowsAt(port), [1], 'what came after the instant is not there');
    assert.deepEqual([content('jobs'), content('web'), content('address')], ['1', '3', 'restored']);
    assert.deepEqual(movedIn(daemon), [
      [at('web'), at('jobs')],
      [at('jobs'), at('web')],
    ]);
    for (const server of Object.values(servers))
      assert.equal(await server.value('select count(*) from told'), '2', 'the old ones are untouched');

    const records = daemon.evidence().filter(({ execution }) => execution === arn);
    assert.deepEqual(
      records.map(({ source, outcome }) => [source, outcome]),
      [
        ['ledger', 'succeeded'],
        ['orders', 'succeeded'],
        [null, 'succeeded'],
      ],
    );
    const [ledger, orders, whole] = records.map(({ durationMs }) => durationMs!);
    assert.ok(0 < ledger! && ledger! < orders! && orders! <= whole!, `${ledger} ${orders} ${whole}`);
    assert.ok(records.every(({ approval }) => approval?.by === 'Ada'));
    assert.equal(whole, said.rtoMs);
    console.log(`away for ${whole} ms: ledger ${ledger} ms, orders ${orders} ms`);
  });

  test('is as it was where one of them cannot be restored, and the server that was started is stopped', async () => {
    for (const [name, value] of Object.entries({ jobs: '1', web: '2', address: 'old' })) give(at(name), value);
    mkdirSync(at('blocked/orders'));
    give(at('blocked/orders/somebody'), 'else');
    const arn = await daemon.machines.start('system-recovery', { system: 'blocked', requestedBy: 'Grace' });
    await daemon.question(arn);
    await daemon.answer(arn);
    const { error, cause } = await daemon.ended(arn, 120_000);
    assert.equal(error, 'SystemRecoveryFailed', cause);
    assert.match(cause!, /are as they were before; restored, and left for a look: ledger in \S+\/blocked\/ledger/);
    assert.deepEqual([content('jobs'), content('web'), content('address')], ['1', '2', 'old']);
    assert.ok(existsSync(at('blocked/ledger/PG_VERSION')), 'what was restored stays');
    assert.equal(existsSync(at('blocked/ledger/postmaster.pid')), false, 'its server does not run');
    assert.match(readFileSync(at('blocked/ledger/lifeboat.server.log'), 'utf8'), /ready to accept connections/);
    assert.equal(content('blocked/orders/somebody'), 'else');
  });

  async function rowsAt(port: number): Promise<number[]> {
    const client = new pg.Client({ host: at('sockets'), port, user: 'postgres', database: 'postgres' });
    await client.connect();
    try {
      return (await client.query<{ row: number }>('select row from told order by row')).rows.map(({ row }) => row);
    } finally {
      await client.end();
    }
  }
});

function give(path: string, value: string): void {
  writeFileSync(path, `${value}\n`);
  if (serverAccount) chownSync(path, serverAccount.uid, serverAccount.gid);
}

async function untilStored(server: TestServer): Promise<void> {
  const lsn = await server.value('select pg_current_wal_flush_lsn()');
  const query = `select coalesce(bool_or(flush_lsn >= '${lsn}'), false) from pg_stat_replication where state = 'streaming'`;
  await until(`WAL up to ${lsn} is stored`, async () => (await server.value(query)) === 't', 30_000);
}

async function startedExecution(daemon: TestDaemon): Promise<string> {
  let arn: string | undefined;
  await until('the recovery has begun', async () => {
    const running = await daemon.machines.list('RUNNING');
    arn = running.find(({ machine }) => machine === 'system-recovery')?.arn;
    return arn !== undefined;
  });
  return arn!;
}

/** What the applications' files were in the order in which each step changed them, by the journal. */
function movedIn(daemon: TestDaemon): string[][] {
  const text = JSON.stringify(daemon.journalRecords('system-recovery'));
  const steps = [...text.matchAll(/\\?"moved\\?":(\[.*?\])/g)].map(([, list]) =>
    [...list!.matchAll(/file ([^"\\]+)/g)].map(([, path]) => path!),
  );
  return steps.filter(
    (paths, index) => paths.length === 2 && JSON.stringify(paths) !== JSON.stringify(steps[index - 1]),
  );
}
