import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Installation, serverAccount } from './postgres-installations.ts';

/**
 * One of two servers with streaming replication. What it is lies in its data directory, postgresql.conf included, so
 * anybody may start and stop it; it outlives whoever started it.
 */
export class ReplicatedSite {
  readonly name: string;
  readonly home: string;
  readonly dataDir: string;
  readonly port: number;
  readonly binDir: string;

  constructor(name: string, installation: Installation, folder: string, port: number) {
    this.name = name;
    this.home = join(folder, name);
    this.dataDir = join(this.home, 'data');
    this.port = port;
    this.binDir = installation.binDir;
  }

  /** The connection, as a plan's `connection` has it: through the socket in `home`. */
  get connection() {
    return { host: this.home, port: this.port, user: 'postgres', database: 'postgres', sslmode: 'disable' as const };
  }

  /** The site, as a plan's `sites` has it. */
  get site() {
    const runAs = serverAccount ? { runAs: 'nobody' } : {};
    const control = { kind: 'local' as const, dataDir: this.dataDir, binDir: this.binDir, ...runAs };
    return { server: { kind: 'postgres' as const, connection: this.connection, control } };
  }

  configure(settings: Record<string, string>): void {
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
    appendFileSync(join(this.dataDir, 'postgresql.conf'), lines.join(''));
  }

  /** `postgres -D`, until it answers. Does nothing when it runs. */
  async start(): Promise<void> {
    if (!this.running()) this.#launch();
    for (let waitedMs = 0; ; waitedMs += 20) {
      try {
        await this.query('select 1');
        return;
      } catch (cause) {
        if (waitedMs > 30_000) throw new Error(`${this.name} does not answer:\n${this.log()}`, { cause });
      }
      await sleep(20);
    }
  }

  /** Until all its processes have gone. */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    const pid = this.postmaster();
    if (pid !== undefined) process.kill(pid, mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await this.untilGone();
  }

  /** kill -9 of every process at once, as when the machine dies. */
  async kill(): Promise<void> {
    while (killAll(this.processes())) await sleep(5);
  }

  async untilGone(): Promise<void> {
    for (let waitedMs = 0; this.running(); waitedMs += 20) {
      if (waitedMs > 30_000) throw new Error(`${this.name} does not end:\n${this.log()}`);
      await sleep(20);
    }
  }

  /** Whether any process works in the data directory. */
  running(): boolean {
    return this.processes().length > 0;
  }

  /** The postmaster's number; undefined when there is none. */
  postmaster(): number | undefined {
    try {
      const pid = Number(readFileSync(join(this.dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]);
      return this.processes().includes(pid) ? pid : undefined;
    } catch {
      return undefined;
    }
  }

  /** All that work in the data directory, the postmaster and the backends. */
  processes(): number[] {
    if (!existsSync(this.dataDir)) return [];
    const place = realpathSync(this.dataDir);
    return processesWhere((folder) => folder === place);
  }

  /** What it said last. */
  log(): string {
    try {
      return readFileSync(join(this.home, 'server.log'), 'utf8').split('\n').slice(-20).join('\n');
    } catch {
      return '';
    }
  }

  /** One statement, or several with `;`, over a connection of its own; values as text, rows of the last. */
  async query(sql: string): Promise<Record<string, string | null>[]> {
    const client = new pg.Client({
      ...this.connection,
      ssl: false,
      types: { getTypeParser: () => (text: string) => text },
    });
    client.on('error', () => undefined); // a killed server's connections end; the query itself rejects
    await client.connect();
    try {
      const result: pg.QueryResult | pg.QueryResult[] = await client.query(sql);
      return (Array.isArray(result) ? result.at(-1)! : result).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** The first value of the first row; empty when there is none. */
  async value(sql: string): Promise<string> {
    const row = (await this.query(sql))[0];
    return row === undefined ? '' : (Object.values(row)[0] ?? '');
  }

  #launch(): void {
    const log = openSync(join(this.home, 'server.log'), 'a');
    const child = spawn(join(this.binDir, 'postgres'), ['-D', this.dataDir], {
      stdio: ['ignore', log, log],
      // what it starts for its WAL is compiled once, as where its account has a home
      env: { LC_ALL: 'C', TZ: 'UTC', XDG_CACHE_HOME: join(this.home, 'cache') },
      cwd: '/',
      detached: true,
      ...serverAccount,
    });
    child.unref();
  }
}

/** Those of all accounts as root, else one's own. */
export const processesWhere = (worksIn: (folder: string) => boolean): number[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && worksIn(workingDirectory(entry) ?? ''))
    .map(Number);

/** False when there is none to kill. */
export function killAll(pids: number[]): boolean {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  return pids.length > 0;
}

function workingDirectory(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined; // it has ended, or is somebody else's
  }
}
