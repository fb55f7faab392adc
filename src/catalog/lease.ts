import { randomUUID } from 'node:crypto';
import { decideLease, type LeaseState, parseLease, printLease, type StoredLease } from '#catalog/lease-state';
import { LeaseHeld, ObjectMissing } from '#model/failure';
import { leaseKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/** What needs one writer at a time. */
export type LeasedWork = 'backup' | 'dump' | 'failover' | 'receive-wal';

export interface LeaseOptions {
  /** who we are, and for which execution: for the messages of those who have to wait, and who clears up after us */
  holder: { host: string; pid: number; execution?: string };
  /** how long it holds without a renewal; renewed three times as often */
  durationMs?: number;
  /** how far clocks may be apart: a lease is taken over only this long after it expired */
  clockSkewMs?: number;
  now?: () => Date;
}

export interface Lease {
  /** aborted, with LeaseHeld as its reason, as soon as the lease may belong to somebody else */
  readonly signal: AbortSignal;
  /** Give it back, so that nobody has to wait for its expiry. Never rejects: what cannot be given back expires. */
  release(): Promise<void>;
}

const defaults = { durationMs: 60_000, clockSkewMs: 15_000, now: () => new Date() };

/**
 * One writer for a source and a kind of work. Writers may not delete, so a lease is given back by storing an expired one.
 *
 *     none --put absent--> held --put etag--> held (renewed) --put etag--> released
 *                          held --expired, put etag--> held by another
 *
 * @throws LeaseHeld when somebody else has it
 */
export async function acquireLease(
  store: ObjectStore,
  source: string,
  work: LeasedWork,
  options: LeaseOptions,
): Promise<Lease> {
  const settings = { ...defaults, ...options };
  const key = leaseKey(source, work);
  const claim = { holder: randomUUID(), ...settings.holder };
  const found = await readLease(store, key);
  const now = settings.now();
  const decision = decideLease(found, now, settings.clockSkewMs);
  if (decision.action === 'wait') throw held(work, source, decision.current, decision.until);
  const state: LeaseState = {
    ...claim,
    acquiredAt: now.toISOString(),
    expiresAt: new Date(now.getTime() + settings.durationMs).toISOString(),
    durationMs: settings.durationMs,
    renewals: 0,
    released: false,
  };
  const begunAt = performance.now();
  const etag = await replaceLease(store, key, state, decision.condition);
  if (etag !== undefined) return new HeldLease({ store, key, work, source, state, etag, begunAt, now: settings.now });
  const winner = await readLease(store, key);
  throw held(work, source, winner?.state, winner && new Date(winner.state.expiresAt));
}

/** Do something while holding the lease; its signal ends with the lease. */
export async function withLease<T>(lease: Lease, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await work(lease.signal);
  } finally {
    await lease.release();
  }
}

class HeldLease implements Lease {
  readonly #store: ObjectStore;
  readonly #key: string;
  readonly #work: LeasedWork;
  readonly #source: string;
  readonly #now: () => Date;
  readonly #lost = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #state: LeaseState;
  #etag: string;
  /** by our own clock, when the put began that made the lease hold */
  #heldSince: number;
  #renewing: Promise<void> = Promise.resolve();

  constructor(held: {
    store: ObjectStore;
    key: string;
    work: LeasedWork;
    source: string;
    state: LeaseState;
    etag: string;
    begunAt: number;
    now: () => Date;
  }) {
    this.#store = held.store;
    this.#key = held.key;
    this.#work = held.work;
    this.#source = held.source;
    this.#now = held.now;
    this.#state = held.state;
    this.#etag = held.etag;
    this.#heldSince = held.begunAt;
    let busy = false;
    this.#timer = setInterval(() => {
      this.#checkExpiry();
      if (busy) return;
      busy = true;
      this.#renewing = this.#renew().finally(() => {
        busy = false;
      });
    }, held.state.durationMs / 3);
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
    if (this.signal.aborted) return;
    const expiresAt = this.#now().toISOString();
    const released = { ...this.#state, expiresAt, renewals: this.#state.renewals + 1, released: true };
    await this.#put(released).catch(() => false);
  }

  /** A store that does not answer costs the lease only once it has expired: until then the next turn tries again. */
  async #renew(): Promise<void> {
    const begunAt = performance.now();
    const expiresAt = new Date(this.#now().getTime() + this.#state.durationMs).toISOString();
    try {
      const renewed = await this.#put({ ...this.#state, expiresAt, renewals: this.#state.renewals + 1 });
      if (renewed) this.#heldSince = begunAt;
      else await this.#lose();
    } catch {
      this.#checkExpiry();
    }
  }

  async #put(state: LeaseState): Promise<boolean> {
    const etag = await replaceLease(this.#store, this.#key, state, { etag: this.#etag });
    if (etag === undefined) return false;
    this.#etag = etag;
    this.#state = state;
    return true;
  }

  #checkExpiry(): void {
    if (performance.now() - this.#heldSince < this.#state.durationMs) return;
    this.#abort(held(this.#work, this.#source, undefined, undefined, 'could not be renewed before it expired'));
  }

  async #lose(): Promise<void> {
    const found = await readLease(this.#store, this.#key).catch(() => undefined); // lost either way; this says to whom
    this.#abort(held(this.#work, this.#source, found?.state, undefined, 'was taken over'));
  }

  #abort(reason: LeaseHeld): void {
    clearInterval(this.#timer);
    this.#lost.abort(reason);
  }
}

/**
 * Answers the new generation's etag; undefined when the condition did not hold. A put whose answer was lost and that
 * was sent again finds its own first attempt: that counts as ours.
 */
export async function replaceLease(
  store: ObjectStore,
  key: string,
  state: LeaseState,
  condition: 'absent' | { etag: string },
): Promise<string | undefined> {
  const outcome = await store.put(key, printLease(state), { condition });
  if (outcome.stored) return outcome.object.etag;
  const found = await readLease(store, key);
  return found?.state.holder === state.holder && found.state.renewals === state.renewals ? found.etag : undefined;
}

/** undefined when nobody ever had it. @throws ObjectDamaged */
export async function readLease(store: ObjectStore, key: string): Promise<StoredLease | undefined> {
  try {
    const { object, body } = await store.get(key);
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(Buffer.from(chunk));
    return { state: parseLease(Buffer.concat(chunks), key), etag: object.etag, lastModified: object.lastModified };
  } catch (failure) {
    if (failure instanceof ObjectMissing) return undefined;
    throw failure;
  }
}

export function held(work: LeasedWork, source: string, state?: LeaseState, until?: Date, what = 'is held'): LeaseHeld {
  const who = state ? ` by process ${state.pid} on ${state.host} since ${state.acquiredAt}` : '';
  const when = until ? ` until ${until.toISOString()}` : '';
  return new LeaseHeld(`the ${work} lease of ${source} ${what}${who}${when}`, {
    operation: 'lease',
    subject: leaseKey(source, work),
    hint: 'only one process may do this: let it finish or stop it; a lease that is not renewed is free soon after it expires',
  });
}
