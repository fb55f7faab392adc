import { setTimeout as sleep } from 'node:timers/promises';
import { ServerUnsuitable } from '#model/failure';
import { type Lsn, parseLsn } from '#model/lsn';
import type { Connection } from '#model/postgres-source';
import { type Ask, type SessionOptions, withSession } from '#runtime/site-session';

/**
 * Let a primary's transactions be read-only by default, end all sessions that began before that was so, and answer where its
 * WAL ends then: everything that it ever acknowledged lies before. null: it is a standby, and nothing was done.
 * @throws what withSession throws; ServerUnsuitable when sessions stay
 */
export async function quietServer(connection: Connection, options: SessionOptions): Promise<Lsn | null> {
  const standby = await withSession(connection, options, async (ask) => {
    if ((await ask('select pg_is_in_recovery() as is'))[0]!.is === 't') return true;
    await ask('alter system set default_transaction_read_only = on');
    await ask('select pg_reload_conf()');
    return false;
  });
  if (standby) return null;
  for (let turn = 0; turn < turns; turn++) {
    const end = await withSession(connection, options, endWriters);
    if (end !== undefined) return end;
    await sleep(lookEveryMs);
  }
  throw new ServerUnsuitable('it does not become read-only, or sessions that began earlier do not end', {
    operation: 'fence',
    subject: `${connection.host}:${connection.port}`,
    hint: 'see pg_stat_activity, and whether default_transaction_read_only is set where it counts more: the command line, the role, the database',
  });
}

/** As it was before. @throws what withSession throws; ServerUnsuitable when it stays read-only */
export async function unquietServer(connection: Connection, setting: unknown, options: SessionOptions): Promise<void> {
  const before = setting === 'on' || setting === 'off' ? setting : undefined;
  await withSession(connection, options, async (ask) => {
    if (before === undefined) await ask('alter system reset default_transaction_read_only');
    else await ask(`alter system set default_transaction_read_only = ${before}`);
    await ask('select pg_reload_conf()');
  });
  for (let turn = 0; turn < turns && before !== 'on'; turn++) {
    const [row] = await withSession(connection, options, (ask) => ask(`select ${readOnly} as is`));
    if (row!.is === 'off') return;
    await sleep(lookEveryMs);
  }
}

const turns = 200;
const lookEveryMs = 50;
const readOnly = "current_setting('default_transaction_read_only')";

/**
 * This session is new: when it is read-only, so is each that begins after it. Its own commit waits for the disk, and so for what
 * others committed without waiting. It has to write something: one that only took a number is not waited for (wrote_xlog in
 * RecordTransactionCommit, xact.c). undefined: ask again in a newer session.
 */
async function endWriters(ask: Ask): Promise<Lsn | undefined> {
  if ((await ask(`select ${readOnly} as is`))[0]!.is !== 'on') return undefined;
  const ended = await ask(`select pg_terminate_backend(pid) from pg_stat_activity where ${earlier}`);
  if (ended.length > 0) return undefined;
  await ask("select set_config('synchronous_commit', 'local', false)");
  await ask('begin read write');
  await ask("select pg_logical_emit_message(true, 'lifeboat', 'fenced')");
  await ask('commit');
  return parseLsn((await ask('select pg_current_wal_flush_lsn() as lsn'))[0]!.lsn!);
}

const earlier = `backend_type = 'client backend' and pid <> pg_backend_pid()
  and backend_start <= (select backend_start from pg_stat_activity where pid = pg_backend_pid())`;
