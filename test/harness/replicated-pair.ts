import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { giveBackPort, takePort } from './free-port.ts';
import { type Installation, serverAccount } from './postgres-installations.ts';
import { makeServerFolder, serverFolder } from './postgres-server.ts';
import { killAll, processesWhere, ReplicatedSite } from './replicated-site.ts';

const pairs = new Set<ReplicatedPair>();
process.on('exit', () => {
  for (const pair of pairs) pair.removeNow();
});

export interface PairOptions {
  /** of both, in postgresql.conf */
  settings?: Record<string, string>;
}

/** Two real servers: at first `east` is the primary, and `west` a standby that streams through a slot on it. */
export class ReplicatedPair {
  readonly folder: string;
  readonly east: ReplicatedSite;
  readonly west: ReplicatedSite;

  private constructor(installation: Installation, folder: string, ports: { east: number; west: number }) {
    this.folder = folder;
    this.east = new ReplicatedSite('east', installation, folder, ports.east);
    this.west = new ReplicatedSite('west', installation, folder, ports.west);
    pairs.add(this);
  }

  /** Both run and stream. Not every installation has pg_basebackup, so the standby is a copy of the primary at rest. */
  static async create(installation: Installation, { settings = {} }: PairOptions = {}): Promise<ReplicatedPair> {
    const ports = { east: await takePort(), west: await takePort() };
    const pair = new ReplicatedPair(installation, serverFolder('lifeboat-pair-'), ports);
    try {
      await pair.#layDown(settings);
      await pair.untilCaughtUp();
      return pair;
    } catch (error) {
      await pair.remove();
      throw error;
    }
  }

  get sites(): [ReplicatedSite, ReplicatedSite] {
    return [this.east, this.west];
  }

  /** The `failover` section of a plan: `more` is added to its only group, `shop`. */
  failover(more: Record<string, unknown> = {}) {
    const sites = { east: this.east.site, west: this.west.site };
    return { shop: { source: 'orders', home: 'east', sites, ...more } };
  }

  /** Until the one that is a standby streams and has replayed what the other one had flushed when this was called. */
  async untilCaughtUp(): Promise<void> {
    const inRecovery = await this.west.value('select pg_is_in_recovery()');
    const [primary, standby] = inRecovery === 't' ? [this.east, this.west] : [this.west, this.east];
    const flushed = await primary.value('select pg_current_wal_flush_lsn()');
    const caughtUp = `select pg_last_wal_replay_lsn() >= '${flushed}'
                         and exists (select from pg_stat_wal_receiver where status = 'streaming')`;
    for (let waitedMs = 0; (await standby.value(caughtUp)) !== 't'; waitedMs += 20) {
      if (waitedMs > 30_000) throw new Error(`${standby.name} does not catch up:\n${standby.log()}`);
      await sleep(20);
    }
  }

  async remove(): Promise<void> {
    this.removeNow();
  }

  /** Everything that works in its folders is killed, whoever started it. */
  removeNow(): void {
    if (!pairs.delete(this)) return;
    while (killAll(processesWhere((folder) => folder.startsWith(`${this.folder}/`))));
    rmSync(this.folder, { recursive: true, force: true });
    for (const { port } of this.sites) giveBackPort(port);
  }

  async #layDown(settings: Record<string, string>): Promise<void> {
    const { east, west } = this;
    for (const { home } of this.sites) makeServerFolder(home);
    initialize(east);
    east.configure({ ...common, ...settings, ...own(east) });
    await east.start();
    await east.query("select pg_create_physical_replication_slot('lifeboat_west', true)");
    await east.stop();
    run('cp', ['-a', east.dataDir, west.dataDir]);
    west.configure({
      ...own(west),
      primary_conninfo: `host=127.0.0.1 port=${east.port} user=postgres application_name=west`,
      primary_slot_name: 'lifeboat_west',
    });
    for (const left of ['pg_replslot/lifeboat_west', 'postmaster.opts'])
      rmSync(join(west.dataDir, left), { recursive: true });
    run('touch', [join(west.dataDir, 'standby.signal')]);
    await Promise.all([east.start(), west.start()]);
  }
}

const common = {
  fsync: 'off',
  listen_addresses: '127.0.0.1',
  wal_level: 'replica',
  wal_log_hints: 'on', // for pg_rewind, as the checksums
  max_wal_senders: '10',
  max_replication_slots: '10',
  shared_buffers: '16MB',
  wal_retrieve_retry_interval: '200ms',
};

const own = ({ name, home, port }: ReplicatedSite) => ({
  cluster_name: name,
  unix_socket_directories: home,
  port: String(port),
});

const initialize = ({ binDir, dataDir }: ReplicatedSite) =>
  run(join(binDir, 'initdb'), [
    '-D',
    dataDir,
    '-U',
    'postgres',
    '-A',
    'trust',
    '--no-sync',
    '-E',
    'UTF8',
    '--locale=C',
    '-k',
  ]);

/** As the servers' account, so that they own what it makes. */
function run(program: string, args: string[]): void {
  const { status, stderr } = spawnSync(program, args, {
    ...serverAccount,
    env: { PATH: '/usr/bin:/bin' },
    cwd: '/',
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
}
