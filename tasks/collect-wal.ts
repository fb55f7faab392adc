import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { segmentAt, segmentStart } from '#model/wal-segment';
import type { KeyRing } from '#pipeline/data-key';
import { run } from '#pipeline/run';
import { ReplicationConnection } from '#postgres/replication-connection';
import { createSlot } from '#postgres/replication-slot';
import type { ServerFacts } from '#postgres/server-facts';
import type { ObjectStore } from '#store/object-store';
import type { WalCover, WalPoint } from './base-backup.ts';
import { WalIntake } from './wal-intake.ts';
import { WalWriter } from './wal-writer.ts';

export interface CollectWalOptions {
  source: string;
  store: ObjectStore;
  /** undefined: the plan says `encryption: none` */
  keyRing: KeyRing | undefined;
  connection: pg.ClientConfig;
  level: number;
}

/**
 * Stores the WAL of one base backup beside it, so that the backup can be restored whether or not anything else stores
 * WAL. A temporary slot keeps the WAL from before the backup starts; it goes with its connection.
 */
export function collectWal(options: CollectWalOptions): WalCover {
  let prepared: { connection: ReplicationConnection; slot: string; server: ServerFacts } | undefined;
  return {
    async prepare(server, signal) {
      const connection = await ReplicationConnection.open({ ...options.connection, signal });
      const slot = `lifeboat_backup_${randomBytes(6).toString('hex')}`;
      try {
        await createSlot(connection, slot, 'temporary');
      } catch (failure) {
        await connection.close();
        throw failure;
      }
      prepared = { connection, slot, server };
    },
    async cover(start, stop, signal) {
      if (!prepared) throw new Error('cover() was called before prepare()');
      const { connection, slot, server } = prepared;
      try {
        await collect(options, { connection, slot, server, start, stop, signal });
      } finally {
        await connection.close();
      }
    },
  };
}

interface Collection {
  connection: ReplicationConnection;
  slot: string;
  server: ServerFacts;
  start: WalPoint;
  stop: Promise<WalPoint>;
  signal: AbortSignal;
}

async function collect(options: CollectWalOptions, collection: Collection): Promise<void> {
  const { connection, slot, server, start, stop } = collection;
  await run(collection.signal, (signal) => {
    const intake = begin();
    // What ends the one has to end the other: the connection knows only the signal that it was opened with.
    signal.addEventListener('abort', () => connection.abandon(signal.reason), { once: true });
    return [intake.then((running) => running.run()), stopAt(intake)];

    async function begin(): Promise<WalIntake> {
      const { systemId, segmentSize } = server;
      const writer = await WalWriter.create({ ...options, systemId, segmentSize, signal });
      return new WalIntake({
        connection,
        writer,
        slot,
        timeline: start.timeline,
        start: segmentStart(segmentAt(start.timeline, start.lsn, segmentSize), segmentSize),
        walChunkSeconds: undefined,
        onStored: () => undefined,
      });
    }

    async function stopAt(intake: Promise<WalIntake>): Promise<void> {
      const point = await stop;
      (await intake).storeUntil(point.lsn);
    }
  });
}
