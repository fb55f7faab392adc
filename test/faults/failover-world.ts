import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SiteServer } from '#failover/site-server';
import { FollowingProxy } from '#harness/following-proxy';
import { type Installation, machineInstallation, serverAccount } from '#harness/postgres-installations';
import { ReplicatedPair } from '#harness/replicated-pair';
import type { ReplicatedSite } from '#harness/replicated-site';
import type { Json } from '#local/integration';
import type { ExecutionEnd } from '#local/run-execution';
import { executionArn } from '#model/arn';
import { sitesOf } from '#model/failover-group';
import { provideWorld } from '#runtime/function-world';
import { loadPlan } from '#runtime/load-plan';
import { type Bucket, openBucket } from '#runtime/open-bucket';
import { openMovables } from '#runtime/open-movables';
import { openSiteServer } from '#runtime/open-site-server';
import { performTask } from '#tasks/perform-task';
import { type Death, FaultEngine, type Faults } from './fault-engine.ts';
import { approvers, sayYes } from './say-yes.ts';
import type { ServerFaults } from './server-faults.ts';
import { withMovableFaults, withServerFaults } from './server-faults.ts';
import { WriteWatch } from './write-watch.ts';

export interface WorldOptions {
  /** by default one that has pg_rewind: without it, and without a backup, a primary that diverged cannot follow */
  installation?: Installation;
  /** so much WAL may be missing at a standby that is promoted */
  lag?: string;
}

export interface MoveOptions extends Faults {
  machine?: 'failover' | 'failback';
  /** that of one that was killed resumes it */
  name?: string;
  death?: Death;
}

/** Two real servers, a plan that moves between them, a bucket, an engine, and somebody who writes to both all the time. */
export class FailoverWorld {
  readonly pair: ReplicatedPair;
  readonly vault: Bucket;
  readonly engine: FaultEngine;
  readonly watch: WriteWatch;
  /** the last thing that each task said which failed */
  readonly taskFailures: string[] = [];
  /** as steps reach a site's server, with what goes wrong there */
  readonly server: ServerOf;
  /** of this moment; empty: everything works */
  faults: ServerFaults = {};
  readonly #proxy: FollowingProxy;
  readonly #task: TaskRun;
  #moves = 0;

  static async create({ installation = machineInstallation(), lag = '1GiB' }: WorldOptions = {}) {
    const pair = await ReplicatedPair.create(installation);
    await pair.east.query('create table watched (row bigint primary key)');
    await pair.untilCaughtUp();
    const folder = join(pair.folder, 'lifeboat');
    for (const path of [folder, join(folder, 'bucket'), join(folder, 'journals')]) {
      mkdirSync(path);
      if (serverAccount) chownSync(path, serverAccount.uid, serverAccount.gid);
    }
    const endpoint = join(folder, 'endpoint');
    writeFileSync(endpoint, `127.0.0.1:${pair.east.port}\n`);
    const proxy = await FollowingProxy.start(endpoint);
    const planPath = join(folder, 'plan.yml');
    writeFileSync(planPath, JSON.stringify(planOf(pair, proxy.port, lag)));
    const environment = {
      ...process.env,
      LIFEBOAT_BIN_DIR: pair.east.binDir,
      XDG_CACHE_HOME: join(pair.east.home, 'cache'),
    };
    const plan = await loadPlan(planPath, { environment, cwd: folder });
    const vault = await openBucket(plan, environment);
    const task: TaskRun = async (name, own, signal) => {
      const lines: string[] = [];
      const code = await performTask(name, {
        environment: { ...environment, LIFEBOAT_PLAN: planPath, ...own },
        cwd: folder,
        signal,
        now: () => engine.clock.date(),
        write: (line) => lines.push(line),
      });
      if (code !== 0) world.taskFailures.push(lines.at(-1) ?? `${name} said nothing`);
      if (code !== 0 && process.env.LIFEBOAT_VERBOSE) process.stderr.write(`${name}: ${lines.join('\n')}\n`);
      return code === 0;
    };
    const engine = new FaultEngine({ folder: join(folder, 'journals'), task });
    const server: ServerOf = async (name) => {
      const group = plan.failover[0]!;
      const site = sitesOf(group).find((one) => one.name === name)!;
      return withServerFaults(await openSiteServer(site, { environment, group }), () => world.faults, world.watch);
    };
    const world = new FailoverWorld({ pair, vault, engine, proxy, task, server });
    provideWorld({
      plan,
      vault,
      environment,
      now: () => engine.clock.date(),
      publish: async () => undefined,
      executions: { start: async () => 'exists', running: async () => engine.running },
      stepFunctions: {
        sendTaskSuccess: async (token: string, output: unknown) => {
          engine.sendTaskSuccess(token, output);
          return 'taken';
        },
      },
      siteServers: (_, site) => world.server(site.name),
      movables: async (group) =>
        (await openMovables(group, environment)).map((one) => withMovableFaults(one, () => world.faults)),
    });
    return world;
  }

  private constructor(made: {
    pair: ReplicatedPair;
    vault: Bucket;
    engine: FaultEngine;
    proxy: FollowingProxy;
    task: TaskRun;
    server: ServerOf;
  }) {
    const { pair, vault, engine, proxy, task, server } = made;
    this.server = server;
    this.pair = pair;
    this.vault = vault;
    this.engine = engine;
    this.#proxy = proxy;
    this.#task = task;
    this.watch = new WriteWatch(pair.sites, 'east');
  }

  site(name: string): ReplicatedSite {
    return name === 'east' ? this.pair.east : this.pair.west;
  }

  other(name: string): ReplicatedSite {
    return name === 'east' ? this.pair.west : this.pair.east;
  }

  /** The one that takes writes; undefined: none does. @throws when both do */
  async primary(): Promise<ReplicatedSite | undefined> {
    const roles = await Promise.all(
      this.pair.sites.map((site) => site.value('select pg_is_in_recovery()').catch(() => 'gone')),
    );
    const primaries = this.pair.sites.filter((_, index) => roles[index] === 'f');
    if (primaries.length > 1) throw new Error('two primaries');
    return primaries[0];
  }

  /** What clients are sent to. */
  endpoint(): string {
    return readFileSync(join(this.pair.folder, 'lifeboat', 'endpoint'), 'utf8').trim();
  }

  /** A move of the group, by default one that Ada asks for and Grace approves. */
  move(input: Record<string, Json> = {}, options: MoveOptions = {}): Promise<ExecutionEnd | 'killed'> {
    const { name = `move-${++this.#moves}`, machine = 'failover', death, ...faults } = options;
    const asked = { group: 'shop', requestedBy: approvers[0], ...input };
    const own = { asked: sayYes, ...faults };
    return this.engine.run(machine, asked, name, { faults: own, ...(death ? { death } : {}) });
  }

  /** A standby of the primary is made of a site, as machines have it done; false: it failed. */
  rebuild(site: string, execution: string): Promise<boolean> {
    const input = { group: 'shop', site, as: 'standby', requestedBy: 'test' };
    const own = {
      LIFEBOAT_INPUT: JSON.stringify(input),
      LIFEBOAT_EXECUTION: executionArn('failback', execution),
      LIFEBOAT_RESULT: `executions/failback/${execution}/rebuild.json`,
    };
    return this.#task('rebuild-standby', own, new AbortController().signal);
  }

  async remove(): Promise<void> {
    await this.watch.end();
    await this.#proxy.close();
    await this.pair.remove();
  }
}

type ServerOf = (site: string) => Promise<SiteServer>;
type TaskRun = (name: string, environment: Record<string, string>, signal: AbortSignal) => Promise<boolean>;

const planOf = (pair: ReplicatedPair, port: number, lag: string): Json => ({
  bucket: './bucket',
  encryption: 'none',
  sources: { orders: { connection: { host: '127.0.0.1', port, user: 'postgres', sslmode: 'disable' } } },
  approvers: approvers.map((name) => ({ name })),
  fourEyes: true,
  failover: pair.failover({
    names: [
      {
        kind: 'file',
        path: './endpoint',
        values: { east: `127.0.0.1:${pair.east.port}`, west: `127.0.0.1:${pair.west.port}` },
      },
    ],
    capacity: [
      { kind: 'file', path: './workers-east', site: 'east', active: 3, idle: 1 },
      { kind: 'file', path: './workers-west', site: 'west', active: 3, idle: 1 },
    ],
    settings: [{ kind: 'file', path: './application.env', values: { east: 'PRIMARY=east', west: 'PRIMARY=west' } }],
    health: [
      { kind: 'sql', name: 'rows are there', query: 'select count(*) >= 0 from watched', expect: true },
      { kind: 'sql', name: 'nobody is sick', query: "select to_regclass('sick') is null", expect: true },
    ],
    healthyWithin: '5m',
    limits: { lag, lagTime: '10m' },
  }) as Json,
});
