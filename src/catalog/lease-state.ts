import { ObjectDamaged } from '#model/failure';

/** A lease as it is stored. */
export interface LeaseState {
  /** random, one for each acquisition */
  holder: string;
  host: string;
  pid: number;
  /** the state machine's execution that the work belongs to */
  execution?: string;
  acquiredAt: string;
  /** by the holder's clock */
  expiresAt: string;
  durationMs: number;
  renewals: number;
  released: boolean;
  /** a rehearsal's: a real move takes it over at once */
  yields?: true;
}

export interface StoredLease {
  state: LeaseState;
  etag: string;
  /** by the store's clock */
  lastModified: Date;
}

export type LeaseDecision =
  | { action: 'take'; condition: 'absent' | { etag: string } }
  | { action: 'wait'; current: LeaseState; until: Date };

/**
 * May we take it? Three clocks are involved: the holder's, the store's and ours. The lease holds until the later of
 * what the holder wrote and a full duration after the store last saw it, and then for the skew that we allow ourselves.
 */
export function decideLease(found: StoredLease | undefined, now: Date, clockSkewMs: number): LeaseDecision {
  if (!found) return { action: 'take', condition: 'absent' };
  const { state, etag, lastModified } = found;
  const expiry = Math.max(Date.parse(state.expiresAt), lastModified.getTime() + state.durationMs);
  const until = new Date(expiry + clockSkewMs);
  if (state.released || now >= until) return { action: 'take', condition: { etag } };
  return { action: 'wait', current: state, until };
}

export const printLease = (state: LeaseState): Buffer => Buffer.from(`${JSON.stringify(state, null, 2)}\n`);

/** @throws ObjectDamaged */
export function parseLease(bytes: Buffer, key: string): LeaseState {
  const state = fromJson(bytes.toString('utf8')) as Partial<LeaseState> | undefined;
  if (
    typeof state?.holder === 'string' &&
    typeof state.host === 'string' &&
    typeof state.pid === 'number' &&
    (state.execution === undefined || typeof state.execution === 'string') &&
    typeof state.renewals === 'number' &&
    typeof state.released === 'boolean' &&
    typeof state.durationMs === 'number' &&
    (state.yields === undefined || state.yields === true) &&
    isInstant(state.acquiredAt) &&
    isInstant(state.expiresAt)
  ) {
    return state as LeaseState;
  }
  throw new ObjectDamaged(`${key} is not a lease`, {
    operation: 'read lease',
    subject: key,
    hint: 'see that no process does this work, delete the object, and start again',
  });
}

const isInstant = (text: unknown): boolean => typeof text === 'string' && !Number.isNaN(Date.parse(text));

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined; // refused with the key in the message
  }
}
