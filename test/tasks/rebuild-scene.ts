import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { releaseLeaseOf } from '#catalog/release-lease';
import { type Installation, serverAccount } from '#harness/postgres-installations';
import { serverFolder } from '#harness/postgres-server';
import { ReplicatedPair } from '#harness/replicated-pair';
import type { ReplicatedSite } from '#harness/replicated-site';
import { assertWorked, type TaskEnd, TaskRunner } from '#harness/run-task';
import { executionArn } from '#model/arn';
import { type RebuildResult, rebuildResultSchema } from '#model/task-result';
import { controlLocal } from '#runtime/control-local';
import { createDirectoryStore } from '#store/directory-store';

/** A pair of servers with a bucket, and the task that rebuilds one of them, as a process of its own. */
export class RebuildScene {
  readonly pair: ReplicatedPair;
  readonly folder: string;
  readonly bucket: string;
  /** of the sites' connections, instead of what the pair says */
  connection: object = {};
  /** instead of the installation's own programs */
  binDir: string | undefined;
  #primary: ReplicatedSite;

  static async create(installation: Installation, settings: Record<string, string> = {}): Promise<RebuildScene> {
    const scene = new RebuildScene(await ReplicatedPair.create(installation, { settings }));
    await scene.pair.east.query('create table rows as select generate_series(1, 1000) as n');
    await scene.pair.untilCaughtUp();
    return scene;
  }

  private constructor(pair: ReplicatedPair) {
    this.pair = pair;
    this.#primary = pair.east;
    this.folder = serverFolder('lifeboat-rebuild-');
    this.bucket = join(this.folder, 'bucket');
    mkdirSync(this.bucket);
    const key = randomBytes(32);
    writeFileSync(join(this.folder, 'key'), `lifeboat-key-1:${key.toString('base64')}\n`, { mode: 0o600 });
    this.writePlan();
  }

  get planPath(): string {
    return join(this.folder, 'plan.yml');
  }

  /** The source's name leads to this site. */
  writePlan(primary = this.#primary): void {
    this.#primary = primary;
    const failover = this.pair.failover();
    for (const { server } of Object.values(failover.shop.sites)) Object.assign(server.connection, this.connection);
    if (this.binDir !== undefined) failover.shop.sites.east.server.control.binDir = this.binDir;
    const plan = {
      bucket: this.bucket,
      encryption: { keyFile: join(this.folder, 'key') },
      sources: { orders: { connection: primary.connection, slot: 'receiver' } },
      failover,
    };
    writeFileSync(this.planPath, JSON.stringify(plan, null, 1));
    this.giveToServer();
  }

  /** The commands that servers run have to read it. */
  giveToServer(): void {
    if (!serverAccount) return;
    const { status, stderr } = spawnSync('chown', ['-R', `${serverAccount.uid}:${serverAccount.gid}`, this.folder]);
    if (status !== 0) throw new Error(String(stderr));
    chmodSync(this.folder, 0o700);
  }

  get tasks(): TaskRunner {
    const env = { NODE_COMPILE_CACHE: join(this.folder, 'compiled') };
    return new TaskRunner({ planPath: this.planPath, bucket: this.bucket, env });
  }

  /** Of the primary, with the WAL that it needs. */
  async backup(): Promise<void> {
    const input = { source: 'orders', kind: 'full', requestedBy: 'test' };
    assertWorked(await this.tasks.run('base-backup', { input, execution: `backup-${randomBytes(4).toString('hex')}` }));
    this.giveToServer();
  }

  start(execution: string, over: object = {}, env: Record<string, string | undefined> = {}) {
    const input = { group: 'shop', site: 'east', as: 'standby', requestedBy: 'anna', ...over };
    // as a supervisor has it, which ends whatever has this once the task has ended
    const marked = { LIFEBOAT_TASK_FOLDER: this.folder, ...env };
    return this.tasks.start('rebuild-standby', { input, execution, env: marked });
  }

  async run(execution: string, over: object = {}): Promise<TaskEnd> {
    const ended = await this.start(execution, over).ended;
    await this.release(execution);
    return ended;
  }

  async rebuild(execution: string, over: object = {}): Promise<RebuildResult> {
    return rebuildResultSchema.parse(assertWorked(await this.run(execution, over)));
  }

  /** As the machine does at its end. */
  async release(execution: string): Promise<void> {
    const mine = { execution: executionArn('test', execution), now: new Date() };
    await releaseLeaseOf(await createDirectoryStore(this.bucket), 'orders', 'failover', mine);
  }

  /** As a failover leaves them: one site fenced, the other one the primary. */
  async moveTo(to: ReplicatedSite, from: ReplicatedSite): Promise<void> {
    if (from.running()) await this.fence(from);
    await to.query('select pg_promote(true, 60)');
    this.writePlan(to);
  }

  /** East has written what west never gets, and died; west is the primary. */
  async diverge(rows: string): Promise<void> {
    const { east, west } = this.pair;
    await west.stop();
    await east.query(rows);
    await east.query('checkpoint');
    await east.query('create table only_there as select 1 as one');
    await east.kill();
    await this.fence(east);
    await west.start();
    await this.moveTo(west, east);
  }

  async fence({ site }: ReplicatedSite): Promise<void> {
    const control = controlLocal(site.server.control, { environment: {} });
    await control.fence({ gently: true, signal: new AbortController().signal });
  }

  remove(): void {
    this.pair.removeNow();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
