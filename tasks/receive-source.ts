import type { Lsn } from '#model/lsn';
import type { PostgresSource } from '#model/postgres-source';
import { connectOptions } from '#runtime/connect-options';
import type { Environment } from '#runtime/environment';
import type { Bucket } from '#runtime/open-bucket';
import { thisProcess } from '#runtime/this-process';
import { type ReceiverEvent, receiveWal } from './receive-wal.ts';

export interface SourceReception {
  source: PostgresSource;
  vault: Bucket;
  environment: Environment;
  signal: AbortSignal;
  log(event: ReceiverEvent): void;
  /** as receiveWal says it */
  alive?(): void;
  /** end once all WAL up to here is stored */
  untilLsn: Lsn | undefined;
}

/** Store the WAL of one of the plan's sources as it is written, as the plan wants it, until told to end. */
export async function receiveSource({ source, vault, environment, signal, log, alive, untilLsn }: SourceReception) {
  const { name, connection, slot, walChunkSeconds, compressionLevel } = source;
  await receiveWal({
    ...vault,
    source: name,
    connectOptions: () => connectOptions(connection, environment),
    slot,
    walChunkSeconds,
    level: compressionLevel,
    // Short, since a receiver that was killed is started again at once and has to wait for its own old lease.
    lease: { holder: thisProcess(), durationMs: 20_000, clockSkewMs: 5_000 },
    signal,
    log,
    ...(alive && { alive }),
    ...(untilLsn === undefined ? {} : { untilLsn }),
  });
}
