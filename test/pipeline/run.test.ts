import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '#pipeline/run';

const failing = async (afterMs: number, failure: unknown): Promise<never> => {
  await sleep(afterMs);
  throw failure;
};

/** A stage that goes on until it is aborted, and takes its time to clean up. */
async function lasting(signal: AbortSignal, log: string[], name: string, failure?: unknown): Promise<string> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });
  await sleep(20);
  log.push(`${name} ended`);
  throw failure ?? signal.reason;
}

test('the answers come in the order of the stages, not in that of their endings', async () => {
  const answers = await run(undefined, () => [sleep(30, 'slow'), sleep(1, 2), Promise.resolve()]);
  assert.deepEqual(answers, ['slow', 2, undefined]);
});

test('no stages is no work', async () => {
  assert.deepEqual(await run(undefined, () => []), []);
});

test('the first failure is the one that is thrown, and what others said when stopped goes with it', async () => {
  const [first, second] = [new Error('first'), new Error('second')];
  const log: string[] = [];
  await assert.rejects(
    run(undefined, (signal) => [lasting(signal, log, 'a', second), failing(5, first), lasting(signal, log, 'b')]),
    (thrown: Error & { suppressed?: unknown[] }) => {
      assert.equal(thrown, first);
      assert.deepEqual(thrown.suppressed, [second], 'the abort reason itself is not repeated');
      return true;
    },
  );
  assert.deepEqual(log, ['a ended', 'b ended'], 'every stage was awaited');
});

test('first is by time, not by place', async () => {
  const [early, late] = [new Error('early'), new Error('late')];
  await assert.rejects(
    run(undefined, () => [failing(30, late), failing(2, early)]),
    (thrown) => thrown === early,
  );
});

test('the others are told why they are stopped', async () => {
  const failure = new Error('the disk is full');
  let reason: unknown;
  await assert.rejects(
    run(undefined, (signal) => [
      failing(1, failure),
      lasting(signal, [], 'x').catch((told: unknown) => {
        reason = told;
      }),
    ]),
    (thrown: Error) => thrown === failure && !('suppressed' in thrown),
  );
  assert.equal(reason, failure);
});

test('a stage that succeeds although it was told to stop does not hide the failure', async () => {
  const failure = new Error('first');
  await assert.rejects(
    run(undefined, () => [failing(1, failure), sleep(20, 'done')]),
    (thrown) => thrown === failure,
  );
});

test('an abort from outside reaches every stage, and its reason is thrown', async () => {
  const outer = new AbortController();
  const reason = new Error('SIGTERM');
  const log: string[] = [];
  const running = run(outer.signal, (signal) => [lasting(signal, log, 'a'), lasting(signal, log, 'b')]);
  await sleep(5);
  outer.abort(reason);
  await assert.rejects(running, (thrown: Error) => thrown === reason && !('suppressed' in thrown));
  assert.deepEqual(log, ['a ended', 'b ended']);
});

test('an abort that came before reaches stages from the start', async () => {
  const reason = new Error('SIGTERM');
  await assert.rejects(
    run(AbortSignal.abort(reason), (signal) => [lasting(signal, [], 'a')]),
    (thrown) => thrown === reason,
  );
});

test('a failure inside does not abort what is outside', async () => {
  const outer = new AbortController();
  await assert.rejects(run(outer.signal, () => [failing(1, new Error('inside'))]));
  assert.ok(!outer.signal.aborted);
});

test('what is thrown may be anything', async () => {
  await assert.rejects(
    run(undefined, () => [failing(1, 'text'), failing(5, 'more')]),
    (thrown) => thrown === 'text',
  );
});

test('no rejection is left unhandled, however many stages fail', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  const stages = Array.from({ length: 20 }, (_, number) => failing(number % 4, new Error(`${number}`)));
  await assert.rejects(run(undefined, () => stages));
  await sleep(10);
  process.off('unhandledRejection', note);
  assert.deepEqual(unhandled, []);
});
