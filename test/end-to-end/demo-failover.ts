import { appendFileSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatBytes } from '#model/format-bytes';
import { parseLsn } from '#model/lsn';
import { AcknowledgingWriter, acknowledgedTable } from '../harness/acknowledging-writer.ts';
import { FollowingProxy } from '../harness/following-proxy.ts';
import { embeddedInstallation, serverAccount } from '../harness/postgres-installations.ts';
import { makeServerFolder } from '../harness/postgres-server.ts';
import { ranFromCopy } from '../harness/reachable-checkout.ts';
import { ReplicatedPair } from '../harness/replicated-pair.ts';
import type { ReplicatedSite } from '../harness/replicated-site.ts';
import { DemoStage } from './demo-stage.ts';
import { PrimaryWatch } from './primary-watch.ts';

/** All of it, from the first server to the last check. */
const longestSeconds = 180;

/**
 * Two servers that npm brought, a client that writes through a name that moves, and a daemon: a rehearsal, a failover after the
 * primary's machine died, and the way back home. What the client was told is compared with what is there. Everything
 * happens in one temporary folder, through the command line that a user has.
 */
async function demo(): Promise<void> {
  const begun = performance.now();
  const installation = embeddedInstallation();
  const settings = { fsync: 'on', summarize_wal: 'on', max_slot_wal_keep_size: '1GB' };
  const pair = await ReplicatedPair.create(installation, { settings });
  const stage = new DemoStage({ installation, remove: () => pair.remove() });
  const endpoints = makeServerFolder(join(stage.folder, 'endpoints'));
  const proxy = await FollowingProxy.start(join(endpoints, 'database'));
  try {
    await play({ stage, pair, proxy, endpoints });
    const seconds = (performance.now() - begun) / 1000;
    console.log(`\nthe demo took ${seconds.toFixed(0)} s; nothing of it is left running`);
    if (seconds > longestSeconds) throw new Error(`it took more than ${longestSeconds} s`);
  } finally {
    await proxy.close();
    await stage.close();
  }
}

interface Scene {
  stage: DemoStage;
  pair: ReplicatedPair;
  proxy: FollowingProxy;
  /** the folder of the files that lead clients */
  endpoints: string;
}

async function play(scene: Scene): Promise<void> {
  const { stage, pair, proxy } = scene;
  await setTheStage(scene);

  stage.tell('a rehearsal: a copy is restored from the bucket and checked; the live pair is not touched');
  await stage.lifeboat('failover', '--rehearse');

  const watch = new PrimaryWatch(pair);
  const writer = AcknowledgingWriter.start(proxy.connection);
  try {
    await writer.untilAcknowledged(500);
    const failover = await loseTheMachine(scene, writer);
    const failback = await goHome(scene, writer, failover.lost);
    await writer.stop();
    await watch.stop();
    await lookAtTheEnd(scene, writer, failover.lost);
    tellNumbers({ writer, watch, failover, failback });
  } finally {
    await writer.stop();
    await watch.stop();
  }
}

async function setTheStage({ stage, pair, proxy, endpoints }: Scene): Promise<void> {
  const { east, west } = pair;
  stage.tell('two PostgreSQL 18, of which west follows east; clients find the primary by a name that moves');
  await east.query(`${acknowledgedTable}; create table orders as
    select i as id, md5(i::text) as note from generate_series(1, 200000) i`);
  await pair.untilCaughtUp();
  const atHome = { database: `127.0.0.1:${east.port}`, region: 'east', 'servers-east': '4', 'servers-west': '1' };
  for (const [name, value] of Object.entries(atHome)) {
    const file = join(endpoints, name);
    writeFileSync(file, `${value}\n`);
    if (serverAccount) chownSync(file, serverAccount.uid, serverAccount.gid);
  }
  console.log(`  east listens on ${east.port}, west on ${west.port}; the name leads to east`);

  stage.tell('a plan: which sites there are, what follows the primary, who may say yes');
  const where = ['--host', '127.0.0.1', '--port', String(proxy.port), '--user', 'postgres', '--bucket', 'bucket'];
  await stage.lifeboat('init', '--source', 'orders', ...where);
  stage.editPlan([
    [/walChunkSeconds: 5/, 'walChunkSeconds: 1'], // a demo has no time
    [/# approvers:\n.*\n# fourEyes: true/, 'approvers:\n  - { name: Ada }\nfourEyes: true'],
  ]);
  appendFileSync(join(stage.folder, 'plan.yml'), `\nfailover: ${JSON.stringify(group(pair), null, 2)}\n`);
  await stage.up();

  stage.tell('a backup, which is proven by itself');
  await stage.lifeboat('backup');
  await untilQuiet(stage);
  await stage.lifeboat('groups');
}

/** Its JSON is YAML. */
function group(pair: ReplicatedPair): object {
  const follows = (file: string, of: (site: ReplicatedSite) => string) => ({
    ...{ kind: 'file', path: `./endpoints/${file}` },
    values: { east: of(pair.east), west: of(pair.west) },
  });
  return pair.failover({
    names: [follows('database', ({ port }) => `127.0.0.1:${port}`)],
    settings: [follows('region', ({ name }) => name)],
    capacity: pair.sites.map(({ name }) => ({
      ...{ kind: 'file', path: `./endpoints/servers-${name}`, site: name, active: 4, idle: 1 },
    })),
    health: [{ kind: 'sql', name: 'orders are there', query: 'select count(*) from orders', expect: 200_000 }],
    healthyWithin: '1m',
  });
}

interface Failover {
  /** rows that were acknowledged, and that are not there any more */
  lost: number[];
  lostBytes: number;
  /** of the machine: from the fence to health */
  rtoMs: number;
  /** of the client: from the last row that was acknowledged to the next */
  silentMs: number;
}

async function loseTheMachine({ stage, pair }: Scene, writer: AcknowledgingWriter): Promise<Failover> {
  stage.tell(
    "east's machine dies: kill -9 while rows come in; Grace asks for a failover, Ada says yes to exactly this plan",
  );
  const killedAt = performance.now();
  await pair.east.kill();
  const before = [...writer.acknowledged.keys()];
  console.log(`  ${before.length} rows had been acknowledged`);
  const name = await stage.approved(['failover', 'shop', '--reason', 'east is dead'], 'seen, east does not answer');
  await writer.untilAcknowledged(200);
  const { reached, rtoMs } = await endOf(stage, name);
  const lost = writer.missing(await rowsAt(pair.west), before);
  const end = lost.map((id) => writer.acknowledged.get(id)!.lsn).reduce((a, b) => (a > b ? a : b), parseLsn('0/0'));
  const lostBytes = lost.length === 0 ? 0 : Number(end - parseLsn(reached));
  await untilQuiet(stage);
  return { lost, lostBytes, rtoMs, silentMs: writer.longestPauseMs(killedAt - 1_000) };
}

async function goHome({ stage, pair }: Scene, writer: AcknowledgingWriter, lost: readonly number[]) {
  stage.tell('east is back: it becomes a standby of west, catches up, and takes over with nothing lost');
  const begunAt = performance.now();
  const name = await stage.approved(['failback', 'shop', '--reason', 'east is repaired'], 'the plan is right');
  await writer.untilAcknowledged(200);
  const { rtoMs, lostBytes } = await endOf(stage, name);
  const told = [...writer.acknowledged.keys()];
  const lostNow = writer.missing(await rowsAt(pair.east), told).filter((id) => !lost.includes(id));
  if (lostNow.length > 0) throw new Error(`the switchover lost acknowledged rows: ${lostNow.slice(0, 10).join(', ')}`);
  if (lostBytes !== 0) throw new Error(`the switchover says that it lost ${lostBytes} bytes`);
  await untilQuiet(stage);
  return { rtoMs, silentMs: writer.longestPauseMs(begunAt) };
}

/** East has the primary, west follows it with the same rows, and the evidence of all of it is whole. */
async function lookAtTheEnd({ stage, pair }: Scene, writer: AcknowledgingWriter, lost: readonly number[]) {
  stage.tell('at home again: the same rows on both sides, and the record of who did what');
  await stage.lifeboat('groups');
  await pair.untilCaughtUp();
  const [rows, copies] = await Promise.all([rowsAt(pair.east), rowsAt(pair.west)]);
  if (rows.join() !== copies.join()) throw new Error('west does not have the rows of east');
  const missing = writer.missing(rows).filter((id) => !lost.includes(id));
  if (missing.length > 0) throw new Error(`acknowledged rows are lost: ${missing.slice(0, 10).join(', ')}`);
  const unexpected = writer.unexpected(rows);
  if (unexpected.length > 0) throw new Error(`rows are there that nobody sent: ${unexpected.slice(0, 10).join(', ')}`);
  const roles = await Promise.all(pair.sites.map((site) => site.value('select pg_is_in_recovery()')));
  if (roles.join() !== 'f,t') throw new Error(`east and west say of their recovery: ${roles.join(', ')}`);
  await stage.lifeboat('evidence', 'verify');
  await stage.lifeboat('status');
}

interface Numbers {
  writer: AcknowledgingWriter;
  watch: PrimaryWatch;
  failover: Failover;
  failback: { rtoMs: number; silentMs: number };
}

function tellNumbers({ writer, watch, failover, failback }: Numbers): void {
  const { acknowledged, ambiguous, refused } = writer;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const { lost, lostBytes } = failover;
  console.log(`\n── what was measured
  the client sent ${acknowledged.size + ambiguous.size + refused.size} rows: ${acknowledged.size} acknowledged, ${refused.size} refused, ${ambiguous.size} without an answer
  failover    RTO ${seconds(failover.rtoMs)} from the fence to health, ${seconds(failover.silentMs)} without a write for the client, Ada's yes included
              RPO ${lost.length} acknowledged rows, ${formatBytes(lostBytes)} of WAL
  failback    RTO ${seconds(failback.rtoMs)} from the fence to health, ${seconds(failback.silentMs)} without a write for the client
              RPO 0 rows, 0 B
  both sites were asked ${watch.looks} times; ${watch.two} times two took writes`);
  if (watch.two > 0) throw new Error('there were two primaries');
  if (watch.looks < 20) throw new Error('nobody looked whether there are two primaries');
}

interface MoveEnd {
  reached: string;
  rtoMs: number;
  lostBytes: number | null;
}

async function endOf(stage: DemoStage, name: string): Promise<MoveEnd> {
  const { status, output } = await stage.ask<{ status: string; output: MoveEnd }>('executions', name);
  if (status !== 'SUCCEEDED') throw new Error(`${name} is ${status}`);
  return output;
}

const rowsAt = async (site: ReplicatedSite): Promise<number[]> =>
  (await site.query('select id from acknowledged order by id')).map(({ id }) => Number(id));

/** Backups, verifications and drills that follow by themselves have ended. */
async function untilQuiet(stage: DemoStage): Promise<void> {
  for (let quiet = 0, looks = 0; quiet < 2; looks++) {
    if (looks > 120) throw new Error('something runs for two minutes');
    const { executions } = await stage.ask<{ executions: unknown[] }>('executions', '--status', 'RUNNING');
    quiet = executions.length === 0 ? quiet + 1 : 0;
    await sleep(500);
  }
}

// the servers are nobody's children: what is done at exit ends them
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
if (!(await ranFromCopy(import.meta.filename))) await demo();
