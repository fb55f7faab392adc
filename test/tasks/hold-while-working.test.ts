import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { LeaseHeld, StoreUnavailable } from '#model/failure';
import { holdWhileWorking } from '../../tasks/hold-while-working.ts';

const warned: unknown[] = [];
const log = {
  info: () => undefined,
  error: () => undefined,
  warn: (_: string, what?: object) => void warned.push(what),
};
const signal = new AbortController().signal;
const about = { operation: 'lease', subject: 'leases/orders' };

/** Held once, and from then on what `then` says. */
function holding(then: () => Promise<void>) {
  let held = 0;
  return async () => {
    if (held++ > 0) await then();
  };
}
const endOf = async (signal: AbortSignal) => {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
};

test('who cannot renew the lease works on for a while, and stops before it is another one’s', async () => {
  warned.length = 0;
  const hold = holding(async () => {
    throw new StoreUnavailable('the bucket does not answer', about);
  });
  const work = holdWhileWorking({ hold, source: 'orders', signal, log, renewEveryMs: 20, lostAfterMs: 150 }, endOf);
  await assert.rejects(work, { name: 'Aborted', message: /could not be renewed before it ends/ });
  assert.ok(warned.length > 1, 'it was tried again');
});

test('who loses it to another execution stops at once', async () => {
  const hold = holding(async () => {
    throw new LeaseHeld('it is held', about);
  });
  const work = holdWhileWorking({ hold, source: 'orders', signal, log, renewEveryMs: 5 }, endOf);
  await assert.rejects(work, { name: 'Aborted', message: /another execution has the lease/ });
});

test('before what cannot be taken back the lease is asked for again', async () => {
  const hold = holding(async () => {
    throw new LeaseHeld('it is held', about);
  });
  const work = holdWhileWorking({ hold, source: 'orders', signal, log }, async (_, holdNow) => holdNow());
  await assert.rejects(work, LeaseHeld);
});
