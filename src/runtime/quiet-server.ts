import { setTimeout as sleep } from 'node:timers/promises';
import { ServerUnsuitable } from '#model/failure';
import { type Lsn, parseLsn } from '#model/lsn';
import type { Connection } from '#model/postgres-source';
import { type Ask, type SessionOptions, withSession } from '#runtime/site-session';

/**
 * Let a primary's transactions be read-only by default, end all sessions that began before that was so, and answer where its
 * WAL ends then: everything that it ever acknowledged lies before. null: it is a standby, and nothing was done. `gently`: what
 * would be committed past that is refused before anything is changed, and looked for again at the end.
 * @throws what withSession throws; ServerUnsuitable when sessions stay, or what writes heeds no read-only default
 */
export async function quietServer(
  connection: Connection,
  { gently, ...options }: SessionOptions & { gently: boolean },
): Promise<Lsn | null> {
  const at = `${connection.host}:${connection.port}`;
  const standby = await withSession(connection, options, async (ask) => {
    if ((await ask('select pg_is_in_recovery() as is'))[0]!.is === 't') return true;
    if (gently) await refuseUnheeding(ask, at, gently);
    await ask('alter system set default_transaction_read_only = on');
    await ask('select pg_reload_conf()');
    return false;
  });
  if (standby) return null;
  for (let turn = 0; turn < turns; turn++) {
    const end = await withSession(connection, options, async (ask) => {
      const reached = await endWriters(ask);
      if (reached !== undefined) await refuseUnheeding(ask, at, gently);
      return reached;
    });
    if (end !== undefined) return end;
    await sleep(lookEveryMs);
  }
  throw new ServerUnsuitable('it does not become read-only, or sessions that began earlier do not end', {
    operation: 'fence',
    subject: at,
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

/**
 * What a subscription applies, no default makes read-only: its workers ask for none. A prepared transaction is committed by
 * COMMIT PREPARED, which a read-only transaction may do, too, so whoever prepared it is told of a commit that no standby gets.
 * Source: https://www.postgresql.org/docs/current/sql-set-transaction.html (it names what a read-only transaction refuses)
 */
export const unheedingWriters = `
  select greatest((select count(*) from pg_subscription where subenabled),
                  (select count(*) from pg_stat_activity where backend_type like 'logical replication%worker'))`;

async function refuseUnheeding(ask: Ask, subject: string, gently: boolean): Promise<void> {
  const [row] = await ask(
    `select (${unheedingWriters}) as appliers, (select count(*) from pg_prepared_xacts) as prepared`,
  );
  const { appliers, prepared } = row!;
  if (appliers !== '0')
    throw new ServerUnsuitable(`${appliers} subscriptions write, and heed no read-only default`, {
      ...{ operation: 'fence', subject },
      hint: 'disable them first (alter subscription … disable), or stop the server; pg_subscription names them',
    });
  if (gently && prepared !== '0')
    throw new ServerUnsuitable(`${prepared} prepared transactions may yet be committed, whatever is read-only`, {
      ...{ operation: 'fence', subject },
      hint: 'commit or roll back what pg_prepared_xacts names, keep its transaction manager from preparing more, and start again',
    });
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
