import { WalBroken } from '#model/failure';
import { formatLsn, type Lsn, lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import { preparedXid } from '#postgres/wal-prepared-xid';
import type { WalRecord } from '#postgres/wal-record';
import { WalWalker, type WalWalkOptions } from '#postgres/wal-records';

/** Where in the WAL it is: `lsn` its record, `end` where the next one may begin. */
interface Place {
  lsn: Lsn;
  end: Lsn;
}

interface Moment {
  /** to the millisecond, rounded down */
  time: Date;
  /** microseconds since 1970, as precise as PostgreSQL is */
  timeMicros: bigint;
}

export interface TransactionEnd extends Place, Moment {
  kind: 'commit' | 'abort';
  /** 0: not known, for a prepared transaction whose record holds more than 16 MiB */
  xid: number;
  /** ended by COMMIT PREPARED or ROLLBACK PREPARED: xid is that of the prepared transaction */
  prepared: boolean;
}

export type WalEvent =
  | TransactionEnd
  /** pg_create_restore_point() */
  | ({ kind: 'restore point'; name: string } & Place & Moment)
  /** `time`: when the checkpoint began, in whole seconds */
  | ({ kind: 'checkpoint'; shutdown: boolean; redo: Lsn; timeline: Timeline; time: Date } & Place)
  /** a promotion: the first record of a timeline */
  | ({ kind: 'end of recovery'; timeline: Timeline; previousTimeline: Timeline } & Place & Moment)
  /** the segment was ended early */
  | ({ kind: 'switch' } & Place);

export interface WalEventOptions extends Omit<WalWalkOptions, 'interest' | 'onRecord'> {
  /** the fewer, the faster */
  kinds: readonly WalEvent['kind'][];
  onEvent: (event: WalEvent) => void;
}

/**
 * A walker that calls `onEvent` for what recovery targets and reports need to know. Verifies the CRC of the records
 * that it interprets unless told otherwise. Its `feed` throws WalBroken for a record that no server writes.
 */
export function walkEvents(options: WalEventOptions): WalWalker {
  const { kinds, onEvent, ...walk } = options;
  const isTransactionEnd = (kind: WalEvent['kind']) => kind === 'commit' || kind === 'abort';
  const transactionEnds = kinds.some(isTransactionEnd);
  const others = !kinds.every(isTransactionEnd);
  return new WalWalker({
    verifyCrc: 'wanted',
    ...walk,
    interest: (resourceManager, info) => {
      if (resourceManager === 1) return transactionEnds ? transactionInterest(info) : 0;
      return resourceManager === 0 && others ? logInterest(info) : 0;
    },
    onRecord: (record) => {
      const event = interpret(record);
      if (event && kinds.includes(event.kind)) onEvent(event);
    },
  });
}

/** undefined: the record is none of these. @throws WalBroken for one that is too short, or whose time is none */
export function interpret(record: WalRecord): WalEvent | undefined {
  if (record.resourceManager === 1) return interpretTransaction(record);
  return record.resourceManager === 0 ? interpretLog(record) : undefined;
}

/** Resource manager 1: xact.h. The upper bit of `info` says that there is more than the time. */
const transactionKinds = new Map<number, Pick<TransactionEnd, 'kind' | 'prepared'>>([
  [0x00, { kind: 'commit', prepared: false }],
  [0x20, { kind: 'abort', prepared: false }],
  [0x30, { kind: 'commit', prepared: true }],
  [0x40, { kind: 'abort', prepared: true }],
]);

const largestKept = 16 << 20;

function transactionInterest(info: number): number {
  const kind = info & 0x70;
  if (kind === 0x00 || kind === 0x20) return 8;
  return kind === 0x30 || kind === 0x40 ? largestKept : 0;
}

function interpretTransaction(record: WalRecord): TransactionEnd | undefined {
  const kind = transactionKinds.get(record.info & 0x70);
  if (!kind) return undefined;
  const data = dataOf(record, 8, kind.kind);
  const xid = kind.prepared ? preparedXid(record, data) : record.xid;
  return { ...place(record), kind: kind.kind, prepared: kind.prepared, xid, ...moment(record, data.readBigInt64LE(0)) };
}

/** Resource manager 0: pg_control.h, xlog_internal.h. The lower four bits of `info` mean other things. */
const logKinds = { shutdown: 0x00, online: 0x10, switch: 0x40, restorePoint: 0x70, endOfRecovery: 0x90 } as const;

function logInterest(info: number): number {
  const kind = info & 0xf0;
  const { shutdown, online, restorePoint, endOfRecovery } = logKinds;
  const known =
    kind === shutdown || kind === online || kind === logKinds.switch || kind === restorePoint || kind === endOfRecovery;
  return known ? 128 : 0;
}

function interpretLog(record: WalRecord): WalEvent | undefined {
  switch (record.info & 0xf0) {
    case logKinds.shutdown:
    case logKinds.online:
      return checkpoint(record);
    case logKinds.switch:
      return { ...place(record), kind: 'switch' };
    case logKinds.restorePoint:
      return restorePoint(record);
    case logKinds.endOfRecovery:
      return endOfRecovery(record);
    default:
      return undefined;
  }
}

function checkpoint(record: WalRecord): WalEvent {
  const data = dataOf(record, 72, 'checkpoint');
  return {
    ...place(record),
    kind: 'checkpoint',
    shutdown: (record.info & 0xf0) === logKinds.shutdown,
    redo: lsn(data.readBigUInt64LE(0)),
    timeline: data.readUInt32LE(8),
    time: dateOf(record, data.readBigInt64LE(64) * 1000n),
  };
}

function restorePoint(record: WalRecord): WalEvent {
  const data = dataOf(record, 9, 'restore point');
  const end = data.indexOf(0, 8);
  const name = data.toString('utf8', 8, end < 0 ? data.length : end);
  return { ...place(record), kind: 'restore point', name, ...moment(record, data.readBigInt64LE(0)) };
}

function endOfRecovery(record: WalRecord): WalEvent {
  const data = dataOf(record, 16, 'end of recovery');
  return {
    ...place(record),
    kind: 'end of recovery',
    timeline: data.readUInt32LE(8),
    previousTimeline: data.readUInt32LE(12),
    ...moment(record, data.readBigInt64LE(0)),
  };
}

function dataOf(record: WalRecord, atLeast: number, kind: string): Buffer {
  const data = record.mainData;
  if (data.length < atLeast)
    throw broken(record, `${kind} record of ${data.length} bytes: expected at least ${atLeast}`);
  return data;
}

const place = (record: WalRecord): Place => ({ lsn: record.lsn, end: record.end });

/** PostgreSQL's timestamps count from 2000-01-01. */
function moment(record: WalRecord, sinceY2k: bigint): Moment {
  const timeMicros = sinceY2k + 946_684_800_000_000n;
  const millis = timeMicros / 1000n;
  return { time: dateOf(record, timeMicros % 1000n < 0n ? millis - 1n : millis), timeMicros };
}

function dateOf(record: WalRecord, millis: bigint): Date {
  const time = new Date(Number(millis));
  if (Number.isNaN(time.getTime())) throw broken(record, `${millis} ms after 1970 is no time`);
  return time;
}

function broken(record: WalRecord, problem: string): WalBroken {
  const subject = `wal record ${formatLsn(record.lsn)}`;
  return new WalBroken(`${subject}: ${problem}`, { operation: 'read wal', subject });
}
