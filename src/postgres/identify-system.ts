import { ServerUnsuitable } from '#model/failure';
import { type Lsn, parseLsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import { isSegmentSize } from '#model/wal-segment';
import type { ReplicationConnection } from '#postgres/replication-connection';

export interface SystemIdentity {
  /** 64 bits as decimal text: it does not fit a number */
  systemId: string;
  timeline: Timeline;
  /** how far the server has flushed its WAL, or replayed it when it is a standby */
  position: Lsn;
  segmentSize: number;
}

/** Which system this is and where it is, over a replication connection. */
export async function identifySystem(connection: ReplicationConnection): Promise<SystemIdentity> {
  const identity = (await connection.query('IDENTIFY_SYSTEM'))[0]?.rows[0];
  const size = (await connection.query('SHOW wal_segment_size'))[0]?.rows[0]?.wal_segment_size ?? '';
  const segmentSize = parseSize(size);
  if (!identity?.systemid || !identity.timeline || !identity.xlogpos || !isSegmentSize(segmentSize)) {
    throw new ServerUnsuitable(`the server does not say which system it is (wal_segment_size "${size}")`, {
      operation: 'identify system',
      subject: connection.serverVersion,
    });
  }
  return {
    systemId: identity.systemid,
    timeline: Number(identity.timeline),
    position: parseLsn(identity.xlogpos),
    segmentSize,
  };
}

const units: Record<string, number> = { kB: 1 << 10, MB: 1 << 20, GB: 1 << 30 };

/** `16MB`, as SHOW prints it */
function parseSize(text: string): number {
  const match = /^(\d+)(kB|MB|GB)$/.exec(text);
  return match ? Number(match[1]) * units[match[2]!]! : Number.NaN;
}
