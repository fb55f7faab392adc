import { formatDuration } from '#model/duration';
import { formatLsn, type Lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';

/** How far a usable backup and the WAL after it reach without a hole: stored, and read back. */
export interface VerifiedReach {
  systemId: string;
  timeline: Timeline;
  lsn: Lsn;
  /** commit time of the last WAL there: everything that was committed until then can be restored; by the server's clock */
  asOf: Date;
}

/** The server, as it was a moment ago. */
export type ServerState =
  | {
      state: 'reachable';
      systemId: string;
      timeline: Timeline;
      /** how far it has flushed its WAL; of a standby, replayed */
      flushed: Lsn;
      /** its clock, with which it writes commit times */
      clock: Date;
    }
  | {
      state: 'unreachable';
      why: string;
      /** by the server's clock, when it was last reached; undefined: never */
      lastUp: Date | undefined;
    };

export interface Exposure {
  /** what would be lost if the server died now; null: everything, since nothing can be restored */
  lossMs: number | null;
  /** why it is this much, for people */
  reason: string;
}

export interface ExposureFacts {
  now: Date;
  /** undefined when no backup can be restored with what was read back */
  verified: VerifiedReach | undefined;
  /** undefined when nobody asked it */
  server?: ServerState;
  /** when everything that the server had flushed was last known to be verified; by the server's clock */
  coveredAt?: Date | undefined;
}

/**
 * What would be lost if the server died now: the time since the last commit that is stored and verified, or since the
 * last moment at which there was nothing else on the server. A server that wrote nothing since then loses nothing,
 * however long ago that is. One that cannot be reached may have died: it has lost what it did until it was last seen.
 */
export function measureExposure({ now, verified, server, coveredAt }: ExposureFacts): Exposure {
  if (!verified)
    return { lossMs: null, reason: 'there is no backup that can be restored with the WAL that is verified' };
  const safeUntil = coveredAt && coveredAt > verified.asOf ? coveredAt : verified.asOf;
  const where = `everything up to ${formatLsn(verified.lsn)} is stored and verified`;
  if (server?.state === 'reachable') {
    if (server.systemId !== verified.systemId) {
      const reason = `the server is system ${server.systemId}, what can be restored is system ${verified.systemId}`;
      return { lossMs: null, reason };
    }
    if (server.timeline === verified.timeline && server.flushed <= verified.lsn) {
      return { lossMs: 0, reason: `${where}, and the server has written nothing after it` };
    }
    return since(safeUntil, server.clock, `${where}, the server is at ${formatLsn(server.flushed)}`);
  }
  if (!server) return since(safeUntil, now, where);
  if (!server.lastUp) return since(safeUntil, now, `${where}, and the server was never reached: ${server.why}`);
  const seen = `${where}, and the server was last seen at ${server.lastUp.toISOString()}: ${server.why}`;
  return since(safeUntil, server.lastUp > safeUntil ? server.lastUp : safeUntil, seen);
}

/** A commit time after `until` is of a clock that is ahead: no loss is known then. */
function since(safeUntil: Date, until: Date, reason: string): Exposure {
  const ms = until.getTime() - safeUntil.getTime();
  if (ms >= 0) return { lossMs: ms, reason };
  return { lossMs: 0, reason: `${reason} (its last commit is ${formatDuration(-ms)} ahead of the clock)` };
}

/** Is the server at a point that is covered wholly? Then nothing up to its clock can be lost. */
export const isCovered = (verified: VerifiedReach | undefined, server: ServerState): boolean =>
  verified !== undefined &&
  server.state === 'reachable' &&
  server.systemId === verified.systemId &&
  server.timeline === verified.timeline &&
  server.flushed <= verified.lsn;
