import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChannelRest } from '#notify/channel-rest';
import { realClock } from '#notify/clock';
import { type ChannelResult, type Delivery, deliver, type SendOutcome } from '#notify/deliver';
import { quickClock } from './quick-clock.ts';

const options = () => ({ clock: quickClock(), random: () => 0, rest: new ChannelRest() });
const never = new Promise<never>(() => undefined);
const later: SendOutcome = { taken: false, again: true, reason: 'HTTP status 503' };

function failed(result: ChannelResult | undefined): ChannelResult & { taken: false } {
  assert.ok(result && !result.taken, JSON.stringify(result));
  return result;
}

/** Answers these, one a try, and counts the tries. */
function channel(name: string, ...outcomes: (SendOutcome | Promise<SendOutcome> | Error)[]) {
  const delivery: Delivery & { tries: number; taken: number } = {
    channel: name,
    label: `${name} (env:X)`,
    tries: 0,
    taken: 0,
    send: async () => {
      const outcome = outcomes[Math.min(delivery.tries++, outcomes.length - 1)]!;
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
    onTaken: async () => void delivery.taken++,
  };
  return delivery;
}

test('a channel that takes it at once is tried once', async () => {
  const [result] = await deliver([channel('a', { taken: true })], options());
  assert.deepEqual(result, { channel: 'a', label: 'a (env:X)', tries: 1, taken: true });
});

test('what may pass is tried again, with longer and longer pauses, three times in all', async () => {
  const settings = options();
  const down = channel('a', later);
  const [result] = await deliver([down], settings);
  assert.equal(down.tries, 3);
  assert.deepEqual(settings.clock.paused, [1_000, 2_000]);
  assert.deepEqual(result, { channel: 'a', label: 'a (env:X)', tries: 3, taken: false, reason: 'HTTP status 503' });
  assert.equal(down.taken, 0);
});

test('what is for good is not tried again', async () => {
  const gone = channel('a', { taken: false, again: false, reason: 'HTTP status 410', hint: 'make another' });
  const [result] = await deliver([gone], options());
  assert.equal(gone.tries, 1);
  assert.equal(failed(result).hint, 'make another');
});

test('the other side says when to come again', async () => {
  const settings = options();
  const busy = channel('a', { ...later, afterMs: 7_000 }, { taken: true });
  await deliver([busy], settings);
  assert.deepEqual(settings.clock.paused, [7_000]);
  assert.equal(busy.taken, 1);
});

test('a pause that would last longer than there is time for is left to the next delivery, and the channel rests that long', async () => {
  const settings = options();
  const busy = channel('a', { ...later, afterMs: 60_000 });
  await deliver([busy], settings);
  assert.deepEqual(settings.clock.paused, []);
  const [result] = await deliver([busy], settings);
  assert.equal(busy.tries, 1);
  assert.equal(failed(result).reason, 'left alone for 60 s: HTTP status 503');
  await settings.clock.pause(60_000);
  await deliver([busy], settings);
  assert.equal(busy.tries, 2);
});

test('a channel that never answers holds up no other, and is left after its time', async () => {
  const hanging = channel('a', never);
  const quick = channel('b', { taken: true });
  const begun = performance.now();
  let quickMs = 0;
  quick.onTaken = async () => {
    quickMs = performance.now() - begun;
  };
  const settings = { ...options(), clock: realClock, timeoutMs: 300, totalMs: 700 };
  const [first, second] = await deliver([hanging, quick], settings);
  assert.ok(quickMs < 200, `${quickMs} ms`);
  assert.equal(second!.taken, true);
  assert.equal(failed(first).reason, 'no answer in 0.3 s');
});

test('the signal of a try is aborted when its time is over', async () => {
  let aborted = false;
  const send = (signal: AbortSignal) =>
    new Promise<SendOutcome>((resolve) => {
      signal.addEventListener('abort', () => {
        aborted = true;
        resolve(later);
      });
    });
  await deliver([{ channel: 'a', label: 'a', send }], { ...options(), clock: realClock, timeoutMs: 50, tries: 1 });
  assert.equal(aborted, true);
});

test('a sender that throws is a failure of its channel, and what it said is not repeated', async () => {
  const broken = channel('a', new TypeError('Failed to parse URL from https://hooks.example/secret'));
  const [result] = await deliver([broken], options());
  assert.equal(failed(result).reason, 'unexpected TypeError');
});

test('a channel that failed is left alone for half a minute, others are not', async () => {
  const settings = options();
  const down = channel('a', later);
  await deliver([down], settings);
  const other = channel('b', { taken: true });
  const [resting, fine] = await deliver([down, other], settings);
  assert.equal(down.tries, 3);
  assert.deepEqual([resting!.tries, fine!.taken], [0, true]);
  await settings.clock.pause(30_000);
  await deliver([down], settings);
  assert.ok(down.tries > 3);
});

test('a channel that refuses for good does not rest: another notice may suit it', async () => {
  const settings = options();
  const picky = channel('a', { taken: false, again: false, reason: 'HTTP status 400' }, { taken: true });
  await deliver([picky], settings);
  const [result] = await deliver([picky], settings);
  assert.equal(result!.taken, true);
});
