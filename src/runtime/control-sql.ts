import { FenceFailed } from '#failover/failures';
import type { ControlFacts, ServerControl } from '#failover/server-control';
import type { FenceMemory } from '#failover/site-server';
import { ServerUnsuitable } from '#model/failure';
import type { Connection } from '#model/postgres-source';
import type { Environment } from '#runtime/environment';
import { quietServer, unheedingWriters, unquietServer } from '#runtime/quiet-server';
import { withSession } from '#runtime/site-session';
import { dropStandbySlots, restoreSlots } from '#runtime/standby-slots';

/**
 * A server that is reached by SQL alone: its transactions are read-only by default and every session that began before is
 * ended. A client that sets its own transactions to read write evades that, and a server that does not answer cannot be
 * fenced at all: `soft`. ALTER SYSTEM writes postgresql.auto.conf, which no standby gets.
 */
export function controlSql(connection: Connection, environment: Environment): ServerControl {
  const at = `${connection.host}:${connection.port}`;
  const failing = async <T>(operation: string, work: Promise<T>): Promise<T> =>
    work.catch((cause: Error) => {
      throw notFenced(at, operation, cause);
    });
  return {
    look: (signal) => lookAt(connection, { environment, signal }),
    memory: (signal) => failing('look before fence', rememberServer(connection, { environment, signal })),
    fence: async ({ gently, signal }) => {
      const end = await failing('fence', quietServer(connection, { environment, signal, gently }));
      const dropped = gently || end === null ? [] : await dropStandbySlots(connection, end, { environment, signal });
      const slots = dropped.length > 0 ? `; dropped the slots ${dropped.join(', ')}` : '';
      const how = end === null ? 'is a standby' : `read-only by default, and other sessions were ended${slots}`;
      return { strength: 'soft', how, end };
    },
    unfence: async (memory, signal) => {
      await failing('unfence', unquietServer(connection, memory.setting, { environment, signal }));
      await failing('unfence', restoreSlots(connection, memory.slots, { environment, signal }));
    },
  };
}

interface Session {
  environment: Environment;
  signal: AbortSignal;
}

async function lookAt(connection: Connection, session: Session): Promise<ControlFacts> {
  const unknown = { runs: null, exists: null };
  try {
    const row = await withSession(connection, session, async (ask) => (await ask(fenceQuestion))[0]!);
    const { fenced, how } = judge(row);
    return { runs: true, exists: true, fence: { strength: 'soft', fenced, possible: true, how } };
  } catch (error) {
    const how = `only SQL could fence it, and it does not answer: ${(error as Error).message}`;
    return { ...unknown, fence: { strength: 'soft', fenced: false, possible: false, how } };
  }
}

function judge(row: Record<string, string | null>): { fenced: boolean; how: string } {
  if (row.in_recovery === 't') return { fenced: true, how: 'runs as a standby' };
  if (row.read_only !== 'on') return { fenced: false, how: 'takes writes' };
  if (row.writers !== '0') return { fenced: false, how: `read-only by default, but ${row.writers} sessions write` };
  if (row.appliers !== '0')
    return { fenced: false, how: `read-only by default, but ${row.appliers} subscriptions write all the same` };
  return { fenced: true, how: 'read-only by default, and nobody writes' };
}

/** The session itself is new, so it has what every new one gets. */
const fenceQuestion = `
  select pg_is_in_recovery() as in_recovery,
         current_setting('default_transaction_read_only') as read_only,
         (${unheedingWriters}) as appliers,
         (select count(*) from pg_stat_activity
           where backend_type = 'client backend' and pid <> pg_backend_pid() and backend_xid is not null) as writers`;

/** `setting`: what ALTER SYSTEM had set before; null: nothing. */
const rememberServer = (connection: Connection, session: Session): Promise<FenceMemory> =>
  withSession(connection, session, async (ask) => {
    const [row] = await ask(`
      select (select system_identifier from pg_control_system()) as system_id,
             (select setting from pg_file_settings where name = 'default_transaction_read_only'
                and sourcefile like '%/postgresql.auto.conf' order by seqno desc limit 1) as setting`);
    const slots = await ask(
      "select slot_name from pg_replication_slots where slot_type = 'physical' and not temporary",
    );
    const names = slots.map(({ slot_name }) => slot_name!);
    return { control: 'sql', systemId: row!.system_id!, setting: row!.setting ?? null, slots: names };
  });

const notFenced = (at: string, operation: string, cause: Error): FenceFailed =>
  new FenceFailed(`the server at ${at} cannot be told by SQL, its only control: ${cause.message}`, {
    operation,
    subject: at,
    hint:
      (cause instanceof ServerUnsuitable && cause.operation === 'fence' ? cause.hint : undefined) ??
      'make sure by hand that it is off before anything else is promoted; a server whose control is local or ec2 can be stopped',
    cause,
  });
