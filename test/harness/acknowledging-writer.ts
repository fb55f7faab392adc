import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Lsn, parseLsn } from '#model/lsn';

/** The table that it fills. */
export const acknowledgedTable = `create table acknowledged (
  id bigint primary key, note text not null, at timestamptz not null default clock_timestamp())`;

const retryMs = 20;
/** A server that hangs is given up after so long, as by any client that wants to go on. */
const patienceMs = 2_000;

export interface Acknowledged {
  /** performance.now() when the answer to COMMIT came */
  atMs: number;
  /** where the server's WAL was when the row was inserted */
  lsn: Lsn;
}

/**
 * A client that inserts one numbered row after the other, each in a transaction of its own, and knows of each what it was told. It
 * connects anew whenever its connection ends or the server refuses to write, and no number is ever tried twice.
 */
export class AcknowledgingWriter {
  /** COMMIT was answered by COMMIT: these rows must be there, whatever happens */
  readonly acknowledged = new Map<number, Acknowledged>();
  /** COMMIT was sent and not answered: these rows may be there or not */
  readonly ambiguous = new Set<number>();
  /** COMMIT was never sent, or answered by ROLLBACK: these rows must not be there */
  readonly refused = new Set<number>();
  readonly #connection: pg.ClientConfig;
  readonly #pauseMs: number;
  #client: pg.Client | undefined;
  #last = 0;
  #stopped = false;
  #writing: Promise<void> = Promise.resolve();

  /** The table has to be there. `pauseMs`: between two rows */
  static start(connection: pg.ClientConfig, { pauseMs = 2 } = {}): AcknowledgingWriter {
    const writer = new AcknowledgingWriter(connection, pauseMs);
    writer.#writing = writer.#write();
    return writer;
  }

  private constructor({ host, port, user, database }: pg.ClientConfig, pauseMs: number) {
    this.#connection = { host, port, user, database, ssl: false } as pg.ClientConfig;
    this.#pauseMs = pauseMs;
  }

  /** Waits for so many more acknowledged rows. */
  async untilAcknowledged(more: number, timeoutMs = 60_000): Promise<void> {
    const wanted = this.acknowledged.size + more;
    const giveUpAt = performance.now() + timeoutMs;
    while (this.acknowledged.size < wanted) {
      if (performance.now() > giveUpAt) throw new Error(`not ${more} more rows were acknowledged in ${timeoutMs} ms`);
      await sleep(5);
    }
  }

  /** The row that is being written is written to its end. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#writing;
    this.#leave();
  }

  /** The longest time between two acknowledged rows: how long a client could not write. */
  longestPauseMs(sinceMs = 0): number {
    const times = [...this.acknowledged.values()].map(({ atMs }) => atMs).filter((atMs) => atMs >= sinceMs);
    return times.reduce((longest, atMs, index) => Math.max(longest, atMs - (times[index - 1] ?? atMs)), 0);
  }

  /** Acknowledged rows that are not among these: lost. While it goes on writing, `of` are those known before the rows were read. */
  missing(rows: Iterable<number>, of: Iterable<number> = this.acknowledged.keys()): number[] {
    const there = new Set(rows);
    return [...of].filter((id) => !there.has(id));
  }

  /** Rows among these that nobody was ever told of, and that were never sent. */
  unexpected(rows: Iterable<number>): number[] {
    return [...rows].filter((id) => !this.acknowledged.has(id) && !this.ambiguous.has(id));
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      const id = ++this.#last;
      const how = await this.#insert(id);
      if (how === 'ambiguous') this.ambiguous.add(id);
      else if (how === 'refused') this.refused.add(id);
      else this.acknowledged.set(id, how);
      if (typeof how === 'string') this.#leave();
      await sleep(typeof how === 'string' ? retryMs : this.#pauseMs);
    }
  }

  async #insert(id: number): Promise<Acknowledged | 'ambiguous' | 'refused'> {
    let sent = false;
    try {
      this.#client ??= await connect(this.#connection);
      await this.#client.query('begin');
      const inserted = await this.#client.query<{ lsn: string }>(
        `insert into acknowledged (id, note) values (${id}, repeat('x', 100)) returning pg_current_wal_insert_lsn()::text as lsn`,
      );
      sent = true;
      const { command } = await this.#client.query('commit');
      if (command !== 'COMMIT') return 'refused';
      return { atMs: performance.now(), lsn: parseLsn(inserted.rows[0]!.lsn) };
    } catch {
      return sent ? 'ambiguous' : 'refused'; // why is of no interest: it tries again with the next number
    }
  }

  #leave(): void {
    const client = this.#client;
    this.#client = undefined;
    if (client) destroy(client);
  }
}

async function connect(connection: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: patienceMs, query_timeout: patienceMs });
  client.on('error', () => undefined); // the query that needs the connection reports it
  try {
    await client.connect();
    return client;
  } catch (error) {
    destroy(client);
    throw error;
  }
}

/** At once: a server that hangs would not answer a farewell. */
const destroy = (client: pg.Client): void =>
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
