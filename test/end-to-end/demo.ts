import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedInstallation, serverAccount } from '../harness/postgres-installations.ts';
import { serverFolder, TestServer } from '../harness/postgres-server.ts';
import { ranFromCopy } from '../harness/reachable-checkout.ts';

/**
 * The main job, on a real PostgreSQL that npm brought: back up, lose a table, get it back as it was a moment before;
 * then lose the machine, and see how much is gone. Everything happens in one temporary folder, through the command
 * line that a user has.
 */
async function demo(): Promise<void> {
  const begun = performance.now();
  const stage = await Stage.open();
  try {
    await stage.play();
    console.log(`\nthe demo took ${((performance.now() - begun) / 1000).toFixed(0)} s; nothing of it is left running`);
  } finally {
    await stage.close();
  }
}

class Stage {
  readonly #folder: string;
  readonly #primary: TestServer;
  #receiver: ChildProcess | undefined;
  #scene = 0;

  static async open(): Promise<Stage> {
    const settings = { fsync: 'on', max_wal_size: '4GB', shared_buffers: '256MB' };
    return new Stage(serverFolder('lifeboat-demo-'), await TestServer.create(embeddedInstallation(), { settings }));
  }

  private constructor(folder: string, primary: TestServer) {
    this.#folder = folder;
    this.#primary = primary;
  }

  async play(): Promise<void> {
    const primary = this.#primary;
    this.#tell('a PostgreSQL 18 with 300 MB of orders');
    await fill(primary);
    console.log(
      `  ${await primary.value("select pg_size_pretty(pg_database_size('postgres'))")} in ${primary.dataDir}`,
    );

    this.#tell('a plan, a key and a bucket; is the server ready?');
    const place = ['--source', 'orders', '--host', primary.home, '--user', 'postgres', '--bucket', './bucket'];
    await this.#lifeboat('init', ...place);
    this.#shortenChunks();

    this.#tell('WAL is stored as it is written, every second');
    this.#receiver = this.#spawn(['receive-wal', '--quiet'], 'ignore');

    this.#tell('a full backup, encrypted');
    await this.#lifeboat('backup');

    this.#tell('orders change; an incremental backup takes what changed');
    await primary.query(
      "update orders set status = 'shipped' where id % 500 = 0; insert into orders select * from more",
    );
    await this.#lifeboat('backup', '--type', 'incremental');
    await primary.query("update orders set status = 'paid' where id <= 1000");
    const before = await fingerprint(primary);
    const moment = await primary.value('select clock_timestamp()::text');
    await sleep(1000);

    this.#tell('somebody drops the table');
    await primary.query('drop table orders cascade');
    console.log(`  dropped a second after ${moment}`);
    await sleep(2500);
    await this.#lifeboat('backups');
    await this.#lifeboat('window');

    this.#tell('back to the moment before');
    await this.#restore('before-the-drop', '--time', moment);
    const after = await this.#ask('before-the-drop', fingerprint);
    compare('rows, sum of amounts, checksum of everything', before, after);

    this.#tell('the machine dies: kill -9 while orders come in');
    const acknowledged = await this.#writeUntilKilled();
    await sleep(2000);
    await this.#stopReceiver();
    await this.#restore('after-the-crash');
    const kept = Number(await this.#ask('after-the-crash', (server) => server.value('select count(*) from heartbeat')));
    const last = acknowledged.times[kept - 1] ?? acknowledged.times[0]!;
    console.log(`  acknowledged to clients: ${acknowledged.times.length} transactions; restored: ${kept}`);
    console.log(
      `  measured loss: ${acknowledged.times.length - kept} transactions, ${acknowledged.killedAt - last} ms before the kill`,
    );
    if (kept === 0) throw new Error('nothing of the last transactions was restored');
  }

  async close(): Promise<void> {
    await this.#stopReceiver();
    await this.#primary.remove();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #tell(what: string): void {
    this.#scene++;
    console.log(`\n── ${this.#scene}. ${what}`);
  }

  /** The default is five seconds; a demo has no time. */
  #shortenChunks(): void {
    const plan = join(this.#folder, 'plan.yml');
    const text = readFileSync(plan, 'utf8');
    if (!/^ *#? *walChunkSeconds/m.test(text)) throw new Error('the plan says nothing about walChunkSeconds');
    rmSync(plan);
    appendFileSync(plan, text.replace(/^( *)#? *walChunkSeconds: *\d+/m, '$1walChunkSeconds: 1'));
    if (serverAccount) spawn('chown', [String(serverAccount.uid), plan]);
  }

  #spawn(args: string[], stdio: 'inherit' | 'ignore'): ChildProcess {
    const environment = { PATH: process.env.PATH, HOME: this.#folder, USER: process.env.USER ?? 'demo' };
    const program = resolve(import.meta.dirname, '../../bin/lifeboat.mjs');
    const options = { cwd: this.#folder, env: environment, stdio: ['ignore', stdio, stdio] as const, ...serverAccount };
    return spawn(process.execPath, [program, ...args], { ...options, stdio: [...options.stdio] });
  }

  async #lifeboat(...args: string[]): Promise<void> {
    console.log(`$ lifeboat ${args.map((arg) => (arg.includes(' ') ? `'${arg}'` : arg)).join(' ')}`);
    const [code] = await once(this.#spawn(args, 'inherit'), 'exit');
    if (code !== 0) throw new Error(`lifeboat ${args[0]} ended with ${code}`);
  }

  #restore(name: string, ...target: string[]): Promise<void> {
    return this.#lifeboat('restore', '--to', `./${name}`, ...target, '--bin-dir', this.#primary.installation.binDir);
  }

  async #ask<T>(name: string, question: (server: TestServer) => Promise<T>): Promise<T> {
    const server = TestServer.adopt(this.#primary.installation, join(this.#folder, name));
    await server.start();
    try {
      return await question(server);
    } finally {
      await server.remove();
    }
  }

  /** One small transaction after the other; what the server acknowledged before it was killed. */
  async #writeUntilKilled(): Promise<{ times: number[]; killedAt: number }> {
    const times: number[] = [];
    const writing = (async () => {
      for (;;) {
        await this.#primary.query('insert into heartbeat default values');
        times.push(Date.now());
      }
    })().catch(() => undefined); // the server is gone
    await sleep(4000);
    const killedAt = Date.now();
    await this.#primary.kill();
    await writing;
    return { times, killedAt };
  }

  async #stopReceiver(): Promise<void> {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    if (!receiver || receiver.exitCode !== null) return;
    receiver.kill('SIGTERM');
    await once(receiver, 'exit');
  }
}

async function fill(server: TestServer): Promise<void> {
  await server.query(`
    create table heartbeat (id bigint generated always as identity, at timestamptz default clock_timestamp());
    create table orders (id bigint primary key, customer int, amount numeric(10,2), status text, note text);
    insert into orders
      select i, i % 50000, (i::bigint * 7919 % 100000) / 100.0, (array['new','paid','shipped'])[1 + i % 3],
             md5(i::text) || md5((i * 3)::text) || repeat(chr(97 + (i % 26)::int), 60)
        from generate_series(1, 1400000) i;
    create index on orders (customer);
    create table more as select id + 2000000 as id, customer, amount, status, note from orders limit 20000`);
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
