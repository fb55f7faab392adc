import { ConnectionFailed, LeaseHeld, ServerError, ServerUnsuitable, WalBroken } from '#model/failure';
import { type Lsn, parseLsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import type { ReplicationConnection } from '#postgres/replication-connection';

/** The server keeps its WAL from here on. */
export interface SlotPosition {
  lsn: Lsn;
  timeline: Timeline;
}

/**
 * Where a physical slot stands; undefined when there is no such slot.
 * @throws WalBroken when it stands nowhere: PostgreSQL takes the position of a slot that it invalidated;
 * ServerUnsuitable when it is a logical one
 */
export async function readSlot(connection: ReplicationConnection, name: string): Promise<SlotPosition | undefined> {
  const row = (await connection.query(`READ_REPLICATION_SLOT "${name}"`).catch(explainRead(name)))[0]?.rows[0];
  if (!row?.slot_type) return undefined;
  if (!row.restart_lsn || !row.restart_tli) throw slotLost(name, 'has no position: it was invalidated');
  return { lsn: parseLsn(row.restart_lsn), timeline: Number(row.restart_tli) };
}

/**
 * Make a slot that keeps WAL from now on. A temporary one lives as long as the connection.
 * Somebody else may have made it in the meantime: then it is used as it is.
 * @throws ServerUnsuitable when the server has no room for another one
 */
export async function createSlot(
  connection: ReplicationConnection,
  name: string,
  kind: 'permanent' | 'temporary',
): Promise<SlotPosition> {
  const temporary = kind === 'temporary' ? ' TEMPORARY' : '';
  await connection
    .query(`CREATE_REPLICATION_SLOT "${name}"${temporary} PHYSICAL (RESERVE_WAL)`)
    .catch((failure: unknown) => {
      if (kind === 'temporary' || !isServerError(failure, duplicateObject)) throw explainCreation(failure, name);
    });
  const position = await readSlot(connection, name);
  if (position) return position;
  throw slotLost(name, 'was dropped just after it was made');
}

/** What an error of START_REPLICATION means for a receiver; `at` says how far it had come. */
export function explainStreamError(failure: unknown, slot: string | undefined, at: string): unknown {
  if (!(failure instanceof ServerError)) return failure;
  const name = slot ?? 'of this backup';
  if (failure.sqlState.startsWith(serverStops)) {
    return new ConnectionFailed(`the server ended the WAL stream at ${at}: ${failure.message}`, {
      operation: 'stream wal',
      subject: name,
      cause: failure,
    });
  }
  if (failure.sqlState === undefinedFile) return slotLost(name, `cannot go on at ${at}: ${failure.message}`, failure);
  if (failure.sqlState === notInPrerequisiteState && /can no longer|invalidated/.test(failure.message)) {
    return slotLost(name, `cannot go on at ${at}: ${failure.message}`, failure);
  }
  if (failure.sqlState === undefinedObject) return slotLost(name, 'was dropped', failure);
  if (failure.sqlState === objectInUse) {
    return new LeaseHeld(`replication slot ${name} is in use: ${failure.message}`, {
      operation: 'stream wal',
      subject: name,
      hint: 'another receiver streams from it, or the server has not yet noticed that an earlier one died',
      cause: failure,
    });
  }
  return failure;
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const featureNotSupported = '0A000';
const undefinedFile = '58P01';
const notInPrerequisiteState = '55000';
const objectInUse = '55006';
const undefinedObject = '42704';
const duplicateObject = '42710';
const configurationLimitExceeded = '53400';
/** admin_shutdown, crash_shutdown, cannot_connect_now */
const serverStops = '57P0';

const isServerError = (failure: unknown, sqlState: string): failure is ServerError =>
  failure instanceof ServerError && failure.sqlState === sqlState;

function explainRead(name: string) {
  return (failure: unknown): never => {
    // "cannot use READ_REPLICATION_SLOT with a logical replication slot"
    if (!isServerError(failure, featureNotSupported)) throw failure;
    throw new ServerUnsuitable(`replication slot ${name} is not a physical one`, {
      operation: 'read slot',
      subject: name,
      hint: 'name another slot in the plan: Lifeboat makes it when it is missing',
      cause: failure,
    });
  };
}

function explainCreation(failure: unknown, name: string): unknown {
  const atLimit = isServerError(failure, configurationLimitExceeded);
  const noSlots = isServerError(failure, notInPrerequisiteState);
  if (!atLimit && !noSlots) return failure;
  return new ServerUnsuitable(`replication slot ${name} cannot be made: ${failure.message}`, {
    operation: 'create slot',
    subject: name,
    hint: atLimit
      ? 'raise max_replication_slots and restart the server, or drop a slot that nobody uses (pg_replication_slots)'
      : 'set wal_level to replica and max_replication_slots above 0, and restart the server',
    cause: failure,
  });
}

function slotLost(name: string, what: string, cause?: unknown): WalBroken {
  return new WalBroken(`replication slot ${name} ${what}`, {
    operation: 'stream wal',
    subject: name,
    hint:
      'WAL that was not stored is lost, and points after it cannot be reached from earlier backups: ' +
      `select pg_drop_replication_slot('${name}'), start the receiver again (it makes a new slot), take a full backup, ` +
      'and look at max_slot_wal_keep_size',
    cause,
  });
}
