import pg from 'pg';
import { type Lsn, parseLsn } from '#model/lsn';
import type { TestServer } from './postgres-server.ts';

/** A row that was committed, and where and when: from the server itself, to compare recoveries with. */
export interface Mark {
  row: number;
  xid: string;
  /** where its commit record begins */
  begins: Lsn;
  /** where it ends */
  ends: Lsn;
  /** `2026-11-20 05:13:45.123456+00` */
  time: string;
}

/** What the marks need of a server: commit times, and nobody else who writes WAL. */
export const markSettings = {
  track_commit_timestamp: 'on',
  autovacuum: 'off',
  checkpoint_timeout: '1h',
};

const insertPosition = 'select pg_current_wal_insert_lsn()::text as lsn';
const commitTime = `to_char(pg_xact_commit_timestamp($1::text::xid) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"+00"')`;

/** A transaction that stays open until its mark is wanted. */
export class OpenTransaction {
  readonly row: number;
  readonly #client: pg.Client;

  static async begin(server: TestServer, row: number): Promise<OpenTransaction> {
    const client = new pg.Client({ ...server.connection, types: { getTypeParser: () => (text: string) => text } });
    await client.connect();
    await client.query('create table if not exists marks (n int)');
    await client.query(`begin; insert into marks values (${row})`);
    return new OpenTransaction(client, row);
  }

  private constructor(client: pg.Client, row: number) {
    this.#client = client;
    this.row = row;
  }

  async commit(): Promise<Mark> {
    const client = this.#client;
    const one = async (sql: string, values: string[] = []) =>
      Object.values((await client.query<Record<string, string>>(sql, values)).rows[0]!)[0]!;
    const xid = await one('select pg_current_xact_id()::xid::text');
    const begins = parseLsn(await one(insertPosition));
    await client.query('commit');
    const ends = parseLsn(await one(insertPosition));
    const time = await one(`select ${commitTime}`, [xid]);
    await client.end();
    // The server's own snapshot of running transactions may come in between, and then this is not the commit alone.
    if (ends - begins > 120n)
      throw new Error(`something else was written with the commit of row ${this.row}: run again`);
    return { row: this.row, xid, begins, ends, time };
  }
}

/** Commits one row in table `marks`. */
export async function mark(server: TestServer, row: number): Promise<Mark> {
  return (await OpenTransaction.begin(server, row)).commit();
}

/** The rows that are there, in order. */
export async function markedRows(server: TestServer): Promise<number[]> {
  const rows = await server.query('select n from marks order by n');
  return rows.map(({ n }) => Number(n));
}
