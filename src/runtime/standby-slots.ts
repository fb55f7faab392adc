import { setTimeout as sleep } from 'node:timers/promises';
import { formatLsn, type Lsn } from '#model/lsn';
import type { Connection } from '#model/postgres-source';
import { type Ask, type SessionOptions, withSession } from '#runtime/site-session';

/**
 * Drop the physical slots that standbys stream from, once these have everything up to `end` or do not get it in a moment: nobody
 * would move them on, and they would fill the disk of the server that was fenced. Those that nobody holds, and those of
 * Lifeboat's own receivers, stay. Answers the names; what cannot be dropped stays, for no fence depends on it.
 */
export async function dropStandbySlots(connection: Connection, end: Lsn, options: SessionOptions): Promise<string[]> {
  const dropped: string[] = [];
  await withSession(connection, options, async (ask) => {
    const slots = await ask(`select slot_name, active_pid from ${held}`);
    await untilReceived(ask, end);
    for (const { slot_name: name } of slots) if (await drop(ask, name!)) dropped.push(name!);
  }).catch(() => undefined);
  return dropped;
}

/** Those that were there and are not. */
export async function restoreSlots(connection: Connection, slots: unknown, options: SessionOptions): Promise<void> {
  if (!Array.isArray(slots) || slots.length === 0) return;
  await withSession(connection, options, async (ask) => {
    if ((await ask('select pg_is_in_recovery() as is'))[0]!.is === 't') return;
    await ask(
      `select pg_create_physical_replication_slot(name, true) from unnest($1::text[]) name
        where not exists (select from pg_replication_slots where slot_name = name)`,
      [slots],
    );
  });
}

const held = `pg_replication_slots s join pg_stat_replication r on r.pid = s.active_pid
  where s.slot_type = 'physical' and r.application_name <> 'lifeboat'`;
const turns = 100;
const lookEveryMs = 50;

async function untilReceived(ask: Ask, end: Lsn): Promise<void> {
  const behind = `select count(*) as n from ${held} and r.flush_lsn < '${formatLsn(end)}'`;
  for (let turn = 0; turn < turns && (await ask(behind))[0]!.n !== '0'; turn++) await sleep(lookEveryMs);
}

/** Its standby comes back within moments, so it is tried until it was faster. */
async function drop(ask: Ask, name: string): Promise<boolean> {
  for (let turn = 0; turn < turns; turn++) {
    await ask('select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active', [
      name,
    ]);
    const dropped = await ask('select pg_drop_replication_slot($1)', [name]).then(
      () => true,
      () => false,
    );
    if (dropped) return true;
    await sleep(lookEveryMs / 10);
  }
  return false;
}
