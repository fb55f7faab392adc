import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestServer } from '#harness/postgres-server';
import { type Lsn, parseLsn } from '#model/lsn';
import { segmentAt, segmentName, segmentStart } from '#model/wal-segment';

/** What makes a server write every kind of record that a reader of WAL has to cope with. */
const workload = [
  `create table a (id int primary key, v int, filler text);
   insert into a select g, 0, repeat('x', 80) from generate_series(1, 3000) g;
   create index on a (v);
   create table big (id int, t text);
   alter table big alter t set storage external`,
  'checkpoint', // the next changes carry full-page images
  `update a set v = id % 7`,
  `insert into big select g, (select string_agg(md5(g::text || h), '') from generate_series(1, 8000) h)
     from generate_series(1, 3) g`,
  `select pg_logical_emit_message(false, 'lifeboat', repeat('m', 3500000))`,
  `begin; select pg_logical_emit_message(true, 'lifeboat', repeat('t', 2000)); insert into a values (-1); commit`,
  `begin; insert into a values (-2); rollback`,
  `begin; create table gone (id int primary key); insert into gone values (1); savepoint s;
   insert into gone values (2); release s; commit`,
  `begin; drop table gone; savepoint s; insert into a values (-3); release s; insert into a values (-4);
   prepare transaction 'kept'`,
  `begin; create table never (id int primary key); insert into never values (1); prepare transaction 'dropped'`,
  `commit prepared 'kept'`,
  `rollback prepared 'dropped'`,
  `select pg_create_restore_point('before the change')`,
  `select pg_switch_wal()`,
  'delete from a where id % 3 = 0',
  'vacuum a',
  `do $$ begin for i in 1..300 loop update a set v = v + 1 where id = i * 7; commit; end loop; end $$`,
  `select pg_create_restore_point('späte Änderung')`,
  'checkpoint',
];

/** Runs it in segments of its own; returns where they begin and where the last record ends. */
export async function runWorkload(server: TestServer): Promise<{ start: Lsn; end: Lsn }> {
  await server.query('create extension pg_walinspect; select pg_switch_wal()');
  const segmentSize = await segmentSizeOf(server);
  const begin = parseLsn(await server.value('select pg_current_wal_insert_lsn()'));
  for (const sql of workload) await server.query(sql);
  const end = parseLsn(await server.value('select pg_current_wal_flush_lsn()'));
  return { start: segmentStart(segmentAt(1, begin, segmentSize), segmentSize), end };
}

export const segmentSizeOf = async (server: TestServer): Promise<number> =>
  Number(await server.value('select bytes_per_wal_segment from pg_control_init()'));

/** The server's own files, as one range of bytes. */
export function walBytes(server: TestServer, segmentSize: number, start: Lsn, end: Lsn): Buffer {
  const files: Buffer[] = [];
  for (let at = start; at < end; at = (at + BigInt(segmentSize)) as Lsn) {
    files.push(readFileSync(join(server.dataDir, 'pg_wal', segmentName(segmentAt(1, at, segmentSize), segmentSize))));
  }
  return Buffer.concat(files).subarray(0, Number(end - start));
}
