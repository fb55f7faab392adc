import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { ReplicatedSite } from '#harness/replicated-site';

/** A row that a server has acknowledged. */
export interface AcknowledgedRow {
  site: string;
  row: number;
  /** by performance.now(): sent, answered */
  sentMs: number;
  answeredMs: number;
}

export interface Promotion {
  site: string;
  begunMs: number;
}

/**
 * Writes to both servers all the time, straight and not by the name that moves, as the worst of clients would: whichever takes a
 * row is a primary at that moment.
 */
export class WriteWatch {
  readonly acknowledged: AcknowledgedRow[] = [];
  readonly promotions: Promotion[] = [];
  /** rows that a server took after the promotion of the other one had begun; none of them is ever forgotten */
  readonly byTwoPrimaries: AcknowledgedRow[] = [];
  readonly #ended = new AbortController();
  readonly #loops: Promise<void>[];
  #next = 1;

  /** The table has to be there: `create table watched (row bigint primary key)`. */
  constructor(sites: readonly ReplicatedSite[], primary: string) {
    this.promotions.push({ site: primary, begunMs: performance.now() });
    this.#loops = sites.map((site) => this.#write(site));
  }

  /** From now on only that site may take writes. */
  promoting(site: string): void {
    if (this.promotions.at(-1)!.site !== site) this.promotions.push({ site, begunMs: performance.now() });
  }

  /** Rows that were acknowledged and that the primary has not. */
  async lost(primary: ReplicatedSite): Promise<number[]> {
    const rows = this.acknowledged.map(({ row }) => row);
    const there = new Set((await primary.query('select row from watched')).map(({ row }) => Number(row)));
    return rows.filter((row) => !there.has(row));
  }

  /** What is lost by then was lost with a server that died, and is asked for no more. */
  async forgetLost(primary: ReplicatedSite): Promise<void> {
    const lost = new Set(await this.lost(primary));
    this.acknowledged.splice(0, this.acknowledged.length, ...this.acknowledged.filter(({ row }) => !lost.has(row)));
  }

  async end(): Promise<void> {
    this.#ended.abort();
    await Promise.all(this.#loops);
  }

  #primaryAt(ms: number): string {
    return this.promotions.findLast(({ begunMs }) => begunMs <= ms)!.site;
  }

  async #write(site: ReplicatedSite): Promise<void> {
    let client: pg.Client | undefined;
    while (!this.#ended.signal.aborted) {
      const row = this.#next++;
      try {
        client ??= await connect(site);
        const sentMs = performance.now();
        await client.query('insert into watched values ($1)', [row]);
        const taken = { site: site.name, row, sentMs, answeredMs: performance.now() };
        this.acknowledged.push(taken);
        if (this.#primaryAt(sentMs) !== site.name) this.byTwoPrimaries.push(taken);
        await sleep(4);
      } catch {
        // it is a standby, it is gone, or the row's fate is not known: nobody counts on that row
        void client?.end().catch(() => undefined);
        client = undefined;
        await sleep(25);
      }
    }
    void client?.end().catch(() => undefined);
  }
}

async function connect(site: ReplicatedSite): Promise<pg.Client> {
  const client = new pg.Client({
    ...site.connection,
    ssl: false,
    connectionTimeoutMillis: 300,
    query_timeout: 1_000,
  });
  client.on('error', () => undefined); // the query that needs it reports it
  await client.connect();
  await client.query('set transaction_read_only = off').catch(() => undefined);
  return client;
}
