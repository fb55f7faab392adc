import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedInstallation } from '../harness/postgres-installations.ts';
import { TestServer } from '../harness/postgres-server.ts';
import { ranFromCopy } from '../harness/reachable-checkout.ts';
import { DemoStage } from './demo-stage.ts';

/**
 * The main job, on a real PostgreSQL that npm brought: a daemon that backs up by the clock and proves each backup; a
 * table that is lost and comes back as it was a moment before, once somebody said yes; a machine that dies, and what
 * that costs. Everything happens in one temporary folder, through the command line that a user has.
 */
async function demo(): Promise<void> {
  const begun = performance.now();
  const settings = { fsync: 'on', max_wal_size: '4GB', shared_buffers: '256MB' };
  const primary = await TestServer.create(embeddedInstallation(), { settings });
  const stage = new DemoStage(primary);
  try {
    await play(stage, primary);
    console.log(`\nthe demo took ${((performance.now() - begun) / 1000).toFixed(0)} s; nothing of it is left running`);
  } finally {
    await stage.close();
  }
}

async function play(stage: DemoStage, primary: TestServer): Promise<void> {
  stage.tell('a PostgreSQL 18 with 300 MB of orders');
  await fill(primary);
  console.log(`  ${await primary.value("select pg_size_pretty(pg_database_size('postgres'))")} in ${primary.dataDir}`);

  stage.tell('a plan: what is protected, when, what is promised, who may say yes');
  await stage.lifeboat(
    'init',
    '--source',
    'orders',
    '--host',
    primary.home,
    '--user',
    'postgres',
    '--bucket',
    'bucket',
  );
  const firing = nextMinute(15);
  stage.editPlan([
    [/walChunkSeconds: 5/, 'walChunkSeconds: 1'], // a demo has no time
    [/# incremental: .*/, `incremental: ${cronAt(firing)}`],
    [
      /- name: the server answers\n.*\n.*/,
      '- { name: the shop is there, query: select count(*) >= 0 from heartbeat, expect: true }',
    ],
    [/# approvers:\n.*\n# fourEyes: true/, 'approvers:\n  - { name: Ada }\nfourEyes: true'],
  ]);
  console.log(
    `  an incremental backup is due at ${firing.toISOString().slice(11, 16)} UTC; Ada approves what others ask for`,
  );

  stage.tell('the daemon: receives WAL, runs the schedules, proves each backup');
  await stage.up();

  stage.tell('a full backup, encrypted; it is read back and restored for a look by itself');
  await stage.lifeboat('backup');
  await primary.query("update orders set status = 'paid' where id <= 1000");
  const before = await fingerprint(primary);
  const moment = await primary.value('select clock_timestamp()::text');
  await sleep(1000);

  stage.tell('somebody drops the table; Grace asks for it back, Ada says yes to exactly this plan');
  await primary.query('alter table orders rename to orders_lost');
  console.log(`  the table is gone a second after ${moment}`);
  await sleep(1500);
  await stage.restoreApproved('before-the-drop', ['--time', moment], 'orders were dropped');
  compare(
    'rows, sum of amounts, checksum of everything',
    before,
    await ask(stage, primary, 'before-the-drop', fingerprint),
  );
  await primary.query('alter table orders_lost rename to orders');

  stage.tell('the schedule fires by itself, and what it took is proven by itself');
  await untilProven(stage, 2);
  await stage.lifeboat('backups');
  await stage.lifeboat('executions');

  stage.tell('the machine dies: kill -9 while orders come in');
  const acknowledged = await writeUntilKilled(primary);
  await sleep(2000);
  await stage.restoreApproved('after-the-crash', [], 'the machine is dead');
  // what is restored takes the place of what died
  const successor = await startInstead(primary, join(stage.folder, 'after-the-crash'));
  try {
    const kept = Number(await successor.value('select count(*) from heartbeat'));
    const last = acknowledged.times[kept - 1] ?? acknowledged.times[0]!;
    console.log(`  acknowledged to clients: ${acknowledged.times.length} transactions; restored: ${kept}`);
    console.log(
      `  measured loss: ${acknowledged.times.length - kept} transactions, ${acknowledged.killedAt - last} ms before the kill`,
    );
    if (kept === 0) throw new Error('nothing of the last transactions was restored');

    stage.tell('the restored cluster serves at the old address; the daemon goes on with it');
    await successor.query('insert into heartbeat default values');
    await untilFine(stage);
    await stage.lifeboat('status');
  } finally {
    await successor.remove();
  }
}

/** A whole minute that is at least so far away. */
const nextMinute = (leastSeconds: number): Date =>
  new Date(Math.ceil((Date.now() + leastSeconds * 1000) / 60_000) * 60_000);

const cronAt = (at: Date): string =>
  `cron(${at.getUTCMinutes()} ${at.getUTCHours()} ${at.getUTCDate()} ${at.getUTCMonth() + 1} ? ${at.getUTCFullYear()})`;

interface Status {
  sources: { counts: Record<string, number>; rpo?: { lossMs: number | null } }[];
  running: unknown[];
  problems: { what: string }[];
}

/** Every backup is proven, and there are so many. */
async function untilProven(stage: DemoStage, count: number): Promise<void> {
  for (let second = 0; second < 120; second++) {
    const { sources, running, problems } = await stage.ask<Status>('status');
    const { proven = 0, broken = 0, ...rest } = sources[0]!.counts;
    if (broken > 0) throw new Error(`a backup is broken: ${problems.map(({ what }) => what).join('; ')}`);
    const others = Object.values(rest).reduce((sum, number) => sum + number, 0);
    if (proven >= count && others === 0 && running.length === 0) return;
    await sleep(1000);
  }
  throw new Error(`not ${count} backups were proven within two minutes`);
}

/** Nothing is wrong, and the receiver follows the new timeline: what could be lost is hardly anything. */
async function untilFine(stage: DemoStage): Promise<void> {
  let problems: Status['problems'] = [];
  for (let second = 0; second < 60; second++) {
    const status = await stage.ask<Status>('status');
    ({ problems } = status);
    const lossMs = status.sources[0]!.rpo?.lossMs ?? Number.POSITIVE_INFINITY;
    if (problems.length === 0 && lossMs < 2_000) return;
    await sleep(500);
  }
  throw new Error(`still wrong after a minute: ${problems.map(({ what }) => what).join('; ')}`);
}

async function ask<T>(
  stage: DemoStage,
  primary: TestServer,
  name: string,
  question: (server: TestServer) => Promise<T>,
): Promise<T> {
  const server = TestServer.adopt(primary.installation, join(stage.folder, name));
  await server.start();
  try {
    return await question(server);
  } finally {
    await server.remove();
  }
}

/** Another cluster at the address of one that is dead. */
async function startInstead(dead: TestServer, dataDir: string): Promise<TestServer> {
  const server = TestServer.adopt(dead.installation, dataDir);
  await server.start({ unix_socket_directories: `${server.home},${dead.home}` });
  return server;
}

/** One small transaction after the other; what the server acknowledged before it was killed. */
async function writeUntilKilled(primary: TestServer): Promise<{ times: number[]; killedAt: number }> {
  const times: number[] = [];
  const writing = (async () => {
    for (;;) {
      await primary.query('insert into heartbeat default values');
      times.push(Date.now());
    }
  })().catch(() => undefined); // the server is gone
  await sleep(4000);
  const killedAt = Date.now();
  await primary.kill();
  await writing;
  return { times, killedAt };
}

async function fill(server: TestServer): Promise<void> {
  await server.query(`
    create table heartbeat (id bigint generated always as identity, at timestamptz default clock_timestamp());
    create table orders (id bigint primary key, customer int, amount numeric(10,2), status text, note text);
    insert into orders
      select i, i % 50000, (i::bigint * 7919 % 100000) / 100.0, (array['new','paid','shipped'])[1 + i % 3],
             md5(i::text) || md5((i * 3)::text) || repeat(chr(97 + (i % 26)::int), 60)
        from generate_series(1, 1400000) i;
    create index on orders (customer)`);
  await server.query('vacuum analyze');
}

const fingerprint = (server: TestServer): Promise<string> =>
  server.value("select count(*) || ' ' || sum(amount) || ' ' || sum(hashtext(o::text)::bigint) from orders o");

function compare(what: string, before: string, after: string): void {
  console.log(`  ${what}\n    before the drop  ${before}\n    restored         ${after}`);
  if (before !== after) throw new Error('the restored rows are not the rows before the drop');
  console.log('    the same');
}

if (!(await ranFromCopy(import.meta.filename))) await demo();
