import type { SiteFacts } from '#failover/site-facts';

export interface StandbyState {
  state: 'streams' | 'reads the bucket' | 'disconnected' | 'primary' | 'silent' | 'absent';
  /** of WAL that the primary has and it has not replayed; null: one of the two does not say */
  lagBytes: number | null;
  /** it follows the primary closely enough to take its place */
  caughtUp: boolean;
}

/** How a standby is doing, by what it and its primary say. */
export function standbyState(standby: SiteFacts, primary: SiteFacts, allowedLagBytes: number): StandbyState {
  const { server } = standby;
  if (server.state !== 'answers') return { state: server.state, lagBytes: null, caughtUp: false };
  if (server.role === 'primary') return { state: 'primary', lagBytes: null, caughtUp: false };
  const lagBytes = lagBetween(standby, primary);
  const close = lagBytes === null || lagBytes <= allowedLagBytes;
  if (server.streams) return { state: 'streams', lagBytes, caughtUp: close };
  return { state: server.readsBucket ? 'reads the bucket' : 'disconnected', lagBytes, caughtUp: false };
}

function lagBetween({ server: standby }: SiteFacts, { server: primary }: SiteFacts): number | null {
  if (standby.state !== 'answers' || primary.state !== 'answers') return null;
  if (standby.lsn === null || primary.lsn === null) return null;
  const behind = primary.lsn - standby.lsn;
  return behind > 0n ? Number(behind) : 0;
}
