import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { acquireLease, type LeaseOptions, withLease } from '#catalog/lease';
import { Aborted, ConnectionFailed, Failure, LeaseHeld, ServerError, WalBroken } from '#model/failure';
import type { Lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import type { KeyRing } from '#pipeline/data-key';
import { identifySystem, type SystemIdentity } from '#postgres/identify-system';
import { ReplicationConnection } from '#postgres/replication-connection';
import { createSlot, readSlot } from '#postgres/replication-slot';
import { WalReader } from '#recovery/read-wal';
import type { ObjectStore } from '#store/object-store';
import { chooseBeginning } from './wal-beginning.ts';
import { WalIntake } from './wal-intake.ts';
import { WalWriter } from './wal-writer.ts';

export interface ReceiveWalWork {
  source: string;
  store: ObjectStore;
  /** undefined: the plan says `encryption: none` */
  keyRing: KeyRing | undefined;
  /** asked for before each connection, since secrets and what the server offers may change */
  connectOptions(): Promise<pg.ClientConfig>;
  /** made when it is missing */
  slot: string;
  /** how long WAL is collected before it is stored */
  walChunkSeconds: number;
  /** of zstd */
  level: number;
  lease: LeaseOptions;
  /** Ends the work in order: what has arrived is stored and reported before. */
  signal: AbortSignal;
  /** one line about something that happened */
  log(event: ReceiverEvent): void;
  /** called every few seconds while all WAL that was cut for the store is stored, however little a server writes */
  alive?(): void;
  /** how often that is looked at; 5 s unless given */
  aliveMs?: number;
  /** end once all WAL up to here is stored */
  untilLsn?: Lsn;
}

export type ReceiverEvent =
  | { kind: 'receiving'; timeline: Timeline; start: Lsn; slot: string }
  | { kind: 'stored'; timeline: Timeline; end: Lsn }
  /** something failed that may go well later */
  | { kind: 'waiting'; failure: Failure; retryMs: number }
  /** WAL is missing in the bucket and on the server: recovery from earlier backups ends at `after` */
  | { kind: 'gap'; after: Lsn; before: Lsn };

/**
 * Stores a server's WAL as it is written, until it is told to end. It keeps nothing: after a crash it goes on from
 * what the slot and the bucket say. What may go well later is tried again, from the lease on.
 * @throws the failures that need somebody: WalBroken (the slot was lost, other WAL is stored), ServerUnsuitable, …
 */
export async function receiveWal(work: ReceiveWalWork): Promise<void> {
  const writers = new Map<string, WalWriter>();
  for (let failures = 0; !work.signal.aborted; failures++) {
    const begunAt = performance.now();
    try {
      await withLease(await acquireLease(work.store, work.source, 'receive-wal', work.lease), (lease) =>
        receiveOnce(work, writers, lease),
      );
      return;
    } catch (failure) {
      if (work.signal.aborted && (failure instanceof ConnectionFailed || failure instanceof LeaseHeld)) return;
      if (work.signal.aborted || !(failure instanceof Failure) || failure.verdict !== 'retry') throw failure;
      if (performance.now() - begunAt > maxWaitMs) failures = 0;
      const retryMs = Math.min(maxWaitMs, 100 * 2 ** failures) * (0.75 + Math.random() / 2);
      work.log({ kind: 'waiting', failure, retryMs });
      await sleep(retryMs, undefined, { signal: work.signal }).catch(() => undefined); // the loop looks at the signal
    }
  }
}

const maxWaitMs = 15_000;
/** How long the last chunk may take after the signal. */
const endingMs = 20_000;

async function receiveOnce(work: ReceiveWalWork, writers: Map<string, WalWriter>, lease: AbortSignal): Promise<void> {
  if ((await receive(work, writers, lease, true)) === 'gap stays') await receive(work, writers, lease, false);
}

async function receive(
  work: ReceiveWalWork,
  writers: Map<string, WalWriter>,
  lease: AbortSignal,
  closeGap: boolean,
): Promise<'ended' | 'gap stays'> {
  const { source, store, keyRing, slot } = work;
  const connection = await ReplicationConnection.open({ ...(await work.connectOptions()), signal: lease });
  try {
    const system = await identifySystem(connection);
    const position = (await readSlot(connection, slot)) ?? (await createSlot(connection, slot, 'permanent'));
    const reader = new WalReader(store, keyRing, { acceptPlain: true });
    const beginning = await chooseBeginning({ store, reader, connection, source, system, slot: position, closeGap });
    const { timeline, start, gap } = beginning;
    if (gap && !closeGap) work.log({ kind: 'gap', ...gap });
    const intake = new WalIntake({
      connection,
      writer: await writerFor(work, writers, system),
      slot,
      timeline,
      start,
      ...(beginning.known ? { known: beginning.known } : {}),
      walChunkSeconds: work.walChunkSeconds,
      onStored: (storedTimeline, end) => work.log({ kind: 'stored', timeline: storedTimeline, end }),
    });
    work.log({ kind: 'receiving', timeline, start, slot });
    if (work.untilLsn !== undefined) intake.storeUntil(work.untilLsn);
    const pulse = setInterval(() => intake.settled && work.alive?.(), work.aliveMs ?? 5_000);
    try {
      await endOnSignal(work.signal, connection, intake);
      return 'ended';
    } catch (failure) {
      if (gap && closeGap && isMissingFile(failure)) return 'gap stays';
      throw failure;
    } finally {
      clearInterval(pulse);
    }
  } finally {
    await connection.close();
  }
}

/** "requested WAL segment has already been removed" */
const isMissingFile = (failure: unknown): boolean =>
  failure instanceof WalBroken && failure.cause instanceof ServerError && failure.cause.sqlState === '58P01';

/** One writer, and so one data key, for each system that this process meets (there is one, but for a failover). */
async function writerFor(
  work: ReceiveWalWork,
  writers: Map<string, WalWriter>,
  { systemId, segmentSize }: SystemIdentity,
): Promise<WalWriter> {
  const known = writers.get(systemId);
  if (known?.segmentSize === segmentSize) return known;
  const { source, store, keyRing, level } = work; // without the signal, which is the beginning of the last put
  const writer = await WalWriter.create({ source, store, keyRing, level, systemId, segmentSize });
  writers.set(systemId, writer);
  return writer;
}

/** Runs the intake; at the signal, stores what has arrived and ends it. */
async function endOnSignal(signal: AbortSignal, connection: ReplicationConnection, intake: WalIntake): Promise<void> {
  let limit: NodeJS.Timeout | undefined;
  const end = () => {
    limit = setTimeout(() => connection.abandon(tookTooLong()), endingMs);
    intake.end().catch((failure: unknown) => connection.abandon(failure as Error));
  };
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    await intake.run();
  } finally {
    signal.removeEventListener('abort', end);
    clearTimeout(limit);
  }
}

const tookTooLong = (): Aborted =>
  new Aborted(`the last WAL could not be stored within ${endingMs / 1000} s`, {
    operation: 'receive wal',
    subject: 'last chunk',
    hint: 'nothing is lost: the slot keeps it for the next run',
  });
