import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { RestoreFailed } from '#model/failure';
import { quoteName } from '#postgres/create-database';
import { feedProgram } from '#postgres/feed-program';
import type { Account, ServerEnd } from '#postgres/server-process';
import { PrivateServer } from '#recovery/private-server';
import type { Environment } from '#runtime/environment';
import type { DrillPlace } from './drill-place.ts';

export interface ThrowAwayOptions {
  place: DrillPlace;
  /** the server programs */
  binDir: string;
  account: Account | undefined;
  environment: Environment;
  /** the role that initdb makes */
  superuser: string;
  signal: AbortSignal;
  onLog(line: string): void;
}

/**
 * An empty cluster that only we can reach, and that nobody has to keep: nothing is synced to disk. We connect as a role
 * of our own, since what a dump says of its roles (NOLOGIN, settings) must not get into our way.
 */
export class ThrowAwayServer {
  readonly socketFolder: string;
  /** the role that we connect as */
  readonly user: string;
  /** a database that nothing of a dump is restored to */
  readonly ownDatabase: string;
  readonly #server: PrivateServer;

  /** @throws RestoreFailed, which says nothing about what shall be restored */
  static async start(options: ThrowAwayOptions): Promise<ThrowAwayServer> {
    await initialize(options);
    const { binDir, place, account, environment, superuser, signal, onLog } = options;
    signal.throwIfAborted();
    const server = await PrivateServer.start({
      binDir,
      dataDir: place.dataDir,
      ...(account ? { account } : {}),
      environment,
      superuser,
      settings,
      onLog,
    });
    const own = new ThrowAwayServer(server, `lifeboat_${randomBytes(8).toString('hex')}`);
    try {
      await own.#begin(place.dataDir, signal);
      return own;
    } catch (failure) {
      await own.stop();
      throw failure;
    }
  }

  private constructor(server: PrivateServer, name: string) {
    this.#server = server;
    this.socketFolder = server.socketFolder;
    this.user = name;
    this.ownDatabase = name;
  }

  /** A connection of its own; the caller ends it. */
  connect(database: string): Promise<pg.Client> {
    return this.#server.connect(database, this.user);
  }

  /** The rows of one query in a connection of its own, values as text. */
  query(database: string, sql: string): Promise<Record<string, string | null>[]> {
    return this.#server.query(database, sql, this.user);
  }

  /** At once: nobody needs it any more. */
  stop(): Promise<ServerEnd> {
    return this.#server.stop('immediate');
  }

  async #begin(dataDir: string, signal: AbortSignal): Promise<void> {
    await this.#untilReady(dataDir, signal);
    await this.#server.query('template1', `CREATE ROLE ${quoteName(this.user)} SUPERUSER LOGIN`);
    await this.query('template1', `CREATE DATABASE ${quoteName(this.ownDatabase)} TEMPLATE template0`);
    await this.query(this.ownDatabase, 'DROP DATABASE postgres'); // a dump may have one of that name
  }

  async #untilReady(dataDir: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      try {
        await this.#server.query('template1', 'select 1');
        return;
      } catch (cause) {
        const end = await Promise.race([this.#server.ended, sleep(50)]);
        if (!end) continue;
        throw new RestoreFailed(`the throw-away server did not start: ${end.lastLines.slice(-3).join('; ')}`, {
          operation: 'start server',
          subject: dataDir,
          hint: 'nothing is said about the dump: see to it that this machine can run a server',
          cause,
        });
      }
    }
  }
}

/** Small, quiet, without a thought of crashes, and without doing what a source's definitions ask it to do by itself. */
const settings: Record<string, string> = {
  shared_buffers: '128MB',
  huge_pages: 'off',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '1GB',
  maintenance_work_mem: '128MB',
  autovacuum: 'off',
  max_logical_replication_workers: '0',
  log_min_error_statement: 'panic', // statements may have passwords in them
};

async function initialize({ place, binDir, account, superuser, signal }: ThrowAwayOptions): Promise<void> {
  const { dataDir } = place;
  mkdirSync(dataDir, { mode: 0o700 });
  if (account) chownSync(dataDir, account.uid, account.gid);
  const names = ['--pgdata', dataDir, '--username', superuser];
  const end = await feedProgram({
    program: join(binDir, 'initdb'),
    args: [...names, '--auth', 'trust', '--encoding', 'UTF8', '--locale', 'C', '--no-sync', '--no-instructions'],
    environment: { LC_ALL: 'C', TZ: 'UTC' },
    account,
    content: Readable.from([]),
    toEnd: false,
    signal,
  }).catch((cause: unknown) => {
    if (signal.aborted) throw cause;
    throw unusable(dataDir, (cause as Error).message, cause);
  });
  if (end.exitCode === 0) return;
  throw unusable(dataDir, end.stderr.slice(-3).join('; ') || `initdb ended by ${end.killedBy}`);
}

const unusable = (dataDir: string, why: string, cause?: unknown): RestoreFailed =>
  new RestoreFailed(`no throw-away cluster can be made: ${why}`, {
    operation: 'start server',
    subject: dataDir,
    hint: 'nothing is said about the dump: see to it that this machine can run a server (LIFEBOAT_BIN_DIR, LIFEBOAT_DRILL_DIR)',
    cause,
  });
