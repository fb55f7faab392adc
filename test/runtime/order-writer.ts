import pg from 'pg';
import type { ReplicatedSite } from '#harness/replicated-site';

/** Inserts one order after the other until its session is ended, and knows which ones it was told are committed. */
export class OrderWriter {
  readonly acknowledged: number[] = [];
  readonly ended: Promise<void>;

  /** `begin`: said in the session first */
  static async start(site: ReplicatedSite, begin = 'select 1'): Promise<OrderWriter> {
    const client = new pg.Client({ ...site.connection, ssl: false });
    client.on('error', () => undefined); // the insert under way reports it
    await client.connect();
    await client.query(begin);
    return new OrderWriter(client);
  }

  private constructor(client: pg.Client) {
    this.ended = this.#write(client);
  }

  async until(count: number): Promise<void> {
    while (this.acknowledged.length < count) await new Promise((next) => setTimeout(next, 5));
  }

  async #write(client: pg.Client): Promise<void> {
    try {
      for (let id = 1; ; id++) {
        await client.query('insert into orders values ($1)', [id]);
        this.acknowledged.push(id);
      }
    } catch {
      await client.end().catch(() => undefined);
    }
  }
}
