import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { executionHistory } from '#local/execution-history';
import { type Json, StatesError } from '#local/integration';
import { failing, lasting, leaving, machine, scope, type Task, VirtualClock, World, withRoom } from './engine-world.ts';

const worlds: World[] = [];
const worldOf = (tasks: Record<string, Task> = {}): World => {
  const world = new World(tasks);
  worlds.push(world);
  return world;
};
const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));
after(() => {
  for (const world of worlds) world.remove();
  assert.deepEqual(unhandled, [], 'no rejection is left to nobody');
});

const lambda = 'arn:aws:states:::lambda:invoke';
const task = (more: { [name: string]: Json } = {}): Json => ({ Type: 'Task', Resource: lambda, End: true, ...more });
const token = (more: { [name: string]: Json } = {}): Json => task({ Resource: `${lambda}.waitForTaskToken`, ...more });
const called = async (world: World, count = 1): Promise<void> => {
  while (world.calls.length < count) await new Promise((resolve) => setTimeout(resolve, 2));
};
const typesOf = async (world: World) => (await executionHistory(world.journalFile)).map(({ type }) => type);

test('an execution that is stopped ends what it began outside, waits for it, and says why', async () => {
  let ended = false;
  const world = worldOf({
    'lambda:invoke': ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          setTimeout(() => {
            ended = true;
            reject(new StatesError('States.TaskFailed', 'SIGTERM'));
          }, 20);
        });
      }),
  });
  world.clock.held = 1;
  const stop = new AbortController();
  const running = world.run(
    machine({ A: task({ Retry: [{ ErrorEquals: ['States.ALL'] }] }) }),
    {},
    { signal: stop.signal },
  );
  await called(world);
  stop.abort(new StatesError('Operator', 'not today'));
  const { status, error, cause } = await running;
  assert.deepEqual(
    { status, error, cause, ended },
    { status: 'ABORTED', error: 'Operator', cause: 'not today', ended: true },
  );
  assert.equal(world.calls.length, 1, 'nothing is tried again');
  assert.deepEqual((await typesOf(world)).slice(-2), ['TaskStateAborted', 'ExecutionAborted']);
});

test('an execution that was being stopped when the engine died is stopped by the next one', async () => {
  const endless: Task = () => new Promise(() => undefined);
  const world = worldOf({ 'ecs:runTask': endless, 'lambda:invoke': endless });
  world.clock.held = 1;
  const ecs = { Resource: 'arn:aws:states:::ecs:runTask.sync' };
  const Branches = [scope({ A: task(ecs) }), scope({ B: task() })];
  const definition = machine({ P: { Type: 'Parallel', Branches, End: true } });
  const stop = new AbortController();
  const running = world.run(definition, {}, { signal: stop.signal });
  await called(world, 2);
  stop.abort(new StatesError('Operator', ''));
  while (!world.calls[0]!.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 2));
  // that engine hangs in its grace, and is gone; the next one begins with what is on the disk
  const next = worldOf({ 'ecs:runTask': lasting });
  await copyFile(world.journalFile, next.journalFile);
  const { status, error } = await next.run(definition);
  assert.deepEqual({ status, error }, { status: 'ABORTED', error: 'Operator' });
  const [begun] = world.calls.filter(({ pattern }) => pattern === 'sync');
  assert.deepEqual(next.ids, [begun!.id], 'a request has left nothing behind that could be told to end');
  assert.ok(
    next.calls.every(({ signal }) => signal.aborted),
    'it was only told to end',
  );
  world.clock.held = 0;
  assert.equal((await running).status, 'ABORTED', 'and nobody waits for ever');
});

test('what is due when an engine takes up an execution comes before any state', async () => {
  const definition = machine({ W: { Type: 'Wait', Seconds: 10, Next: 'A' }, A: task() }, { TimeoutSeconds: 60 });
  for (const due of ['its deadline', 'a stop']) {
    const world = worldOf({ 'lambda:invoke': () => 'called' });
    world.clock.held = 1;
    const first = new AbortController();
    const running = world.run(definition, {}, { signal: first.signal });
    while (!(await typesOf(world)).includes('WaitStateEntered')) await new Promise((resolve) => setTimeout(resolve, 2));
    first.abort(leaving());
    await assert.rejects(running, { name: 'LeaveExecution' });
    world.clock = new VirtualClock(Date.parse(due === 'a stop' ? '2026-03-01T12:00:20Z' : '2026-03-01T12:05:00Z'));
    const signal = due === 'a stop' ? AbortSignal.abort(new StatesError('Operator', '')) : new AbortController().signal;
    const { status } = await world.run(definition, {}, { signal });
    assert.equal(status, due === 'a stop' ? 'ABORTED' : 'TIMED_OUT');
    assert.equal(world.calls.length, 0, due);
  }
});

test('siblings of a branch that fails are told to end, and the others of the world are not', async () => {
  const world = worldOf({
    'lambda:invoke': (call) => (call.arguments === 'bad' ? failing('Bad')(call) : lasting(call)),
    'sns:publish': () => 'kept',
  });
  const definition = machine({
    Keep: { Type: 'Task', Resource: 'arn:aws:states:::sns:publish', Next: 'P' },
    P: {
      Type: 'Parallel',
      Branches: [
        scope({ Good: task({ Arguments: 'good' }) }),
        scope({ Pause: { Type: 'Wait', Seconds: 3, Next: 'Bad' }, Bad: task({ Arguments: 'bad' }) }),
      ],
      End: true,
    },
  });
  const { status, error } = await world.run(definition);
  assert.deepEqual({ status, error }, { status: 'FAILED', error: 'Bad' });
  const aborted = Object.fromEntries(world.calls.map((call) => [String(call.arguments), call.signal.aborted]));
  assert.deepEqual(aborted, { '[object Object]': false, good: true, bad: false });
});

test('each attempt has an id of its own, in letters that may stand in a name', async () => {
  const world = worldOf({ 'lambda:invoke': failing('No') });
  await world.run(
    machine({
      M: {
        Type: 'Map',
        Items: [1, 2],
        ItemProcessor: scope({ A: task({ Retry: [{ ErrorEquals: ['No'], MaxAttempts: 1 }] }) }),
        Catch: [{ ErrorEquals: ['No'], Next: 'B' }],
        End: true,
      },
      B: task(),
    }),
  );
  assert.equal(world.ids.length, world.calls.length);
  for (const id of world.ids) assert.match(id, /^[\w-]{20,64}$/);
});

test('what a task is given and gives is its own', async () => {
  const given: Json = { list: [1] };
  const world = worldOf({
    'lambda:invoke': (call) => {
      (call.arguments as { list: Json[] }).list.push(2);
      return given;
    },
  });
  const definition = machine({
    A: task({ Assign: { kept: '{% $states.input %}' }, End: false, Next: 'B' }),
    B: { Type: 'Pass', Output: ['{% $kept %}', '{% $states.input %}'], End: true },
  });
  const input = { list: [0] };
  const { output } = await world.run(definition, input);
  (given as { list: Json[] }).list.push(9);
  assert.deepEqual(output, [{ list: [0] }, { list: [1] }]);
  assert.deepEqual(input, { list: [0] });
});

test('a token is answered with an output', async () => {
  const world = worldOf({ 'lambda:invoke': () => 'handed out' });
  world.tokenAnswer = { approved: true };
  const { output } = await world.run(machine({ A: token({ Arguments: { t: '{% $states.context.Task.Token %}' } }) }));
  assert.deepEqual(output, { approved: true });
  const [call] = world.calls;
  assert.ok(call!.token!.length >= 32);
  assert.deepEqual(call!.arguments, { t: call!.token });
});

test('a token that is answered with an error fails its task', async () => {
  const world = worldOf({
    'lambda:invoke': (call) => {
      world.tokens.fail(call.token!, 'Refused', 'no');
      return null;
    },
  });
  const { error, cause } = await world.run(machine({ A: token() }));
  assert.deepEqual({ error, cause }, { error: 'Refused', cause: 'no' });
});

test('a token may be answered before the call that hands it out is over', async () => {
  const world = worldOf({ 'lambda:invoke': () => new Promise(() => undefined) });
  world.tokenAnswer = 'early';
  assert.equal((await world.run(machine({ A: token() }))).output, 'early');
});

test('a call that cannot hand out its token fails the task', async () => {
  const world = worldOf({ 'lambda:invoke': failing('Lambda.Down', 'x') });
  assert.equal((await world.run(machine({ A: token() }))).error, 'Lambda.Down');
});

test('heartbeats keep a task alive, and its timeout ends it all the same', async () => {
  const beating = async (one: string): Promise<void> => {
    for (let beats = 0; beats < 12; beats++) {
      await world.clock.sleep(5_000);
      world.tokens.beat(one);
    }
  };
  const world = worldOf({
    'lambda:invoke': (call) => {
      void beating(call.token!);
      return null;
    },
  });
  const { error, stoppedAt } = await world.run(machine({ A: token({ HeartbeatSeconds: 8, TimeoutSeconds: 30 }) }));
  assert.equal(error, 'States.Timeout');
  assert.equal(stoppedAt, '2026-03-01T12:00:30.000Z');
});

test('a token that was handed out is not handed out again by the engine that goes on', async () => {
  const world = worldOf({ 'lambda:invoke': () => 'handed out' });
  const definition = machine({ A: token() });
  world.clock.held = 1;
  const stop = new AbortController();
  const running = world.run(definition, {}, { signal: stop.signal });
  while (!(await typesOf(world)).includes('TaskSubmitted')) await new Promise((resolve) => setTimeout(resolve, 2));
  stop.abort(leaving());
  await assert.rejects(running, { name: 'LeaveExecution' });
  world.tokens.succeed(world.calls[0]!.token!, 'meanwhile');
  assert.equal((await world.run(definition)).output, 'meanwhile');
  assert.equal(world.calls.length, 1);
});

/** Back to A, with an end that is never reached: without one the machine would be refused. */
const circle = {
  C: { Type: 'Choice', Choices: [{ Condition: '{% false %}', Next: 'Z' }], Default: 'A' },
  Z: { Type: 'Succeed' },
};

test('a machine that goes in circles can be stopped', async () => {
  const world = worldOf();
  const stop = new AbortController();
  const W = { Type: 'Wait', Seconds: 1, Next: 'C' };
  const running = world.run(machine({ A: { Type: 'Pass', Next: 'W' }, W, ...circle }), {}, { signal: stop.signal });
  setTimeout(() => stop.abort(new StatesError('Enough', '')), 50);
  const { status, error } = await running;
  assert.deepEqual({ status, error }, { status: 'ABORTED', error: 'Enough' });
});

test('a machine that goes in circles for ever is ended, as on AWS', async () => {
  const world = worldOf();
  const { status, error, cause } = await world.run(machine({ A: { Type: 'Pass', Next: 'C' }, ...circle }));
  assert.deepEqual({ status, error }, { status: 'FAILED', error: 'States.Runtime' });
  assert.equal(cause, 'The execution reached the maximum number of history events (25000).');
});

test('a disk that is full stops the execution; nothing is called that is not written down, nothing outside is told, and it goes on when there is room', async () => {
  const definition = machine({
    A: task({ End: false, Arguments: 'a', Next: 'M' }),
    M: { Type: 'Map', Items: [1, 2, 3], ItemProcessor: scope({ I: task() }), Next: 'Z' },
    Z: { Type: 'Pass', Output: { all: '{% $states.input %}' }, End: true },
  });
  const echo: Task = (call) => call.arguments;
  let stopped = 0;
  for (let room = 0; room < 3_500; room += 97) {
    const world = worldOf({ 'lambda:invoke': echo });
    const running = await withRoom(room, () => world.run(definition).catch((failure) => failure));
    if (running instanceof Error) {
      stopped++;
      assert.equal(running.name, 'JournalUnwritable', String(running));
      assert.match(running.message, /journal\.jsonl cannot be written: ENOSPC/);
      assert.match((running as Error & { hint: string }).hint, /make room/);
      const written = await executionHistory(world.journalFile);
      assert.ok(written.filter(({ type }) => type === 'TaskScheduled').length >= world.calls.length, `${room} bytes`);
      assert.ok(world.calls.every(({ signal }) => !signal.aborted));
    }
    assert.deepEqual((await world.run(definition)).output, { all: [1, 2, 3] });
    assert.equal(world.ids.length, 4);
  }
  assert.ok(stopped > 20, `it was stopped ${stopped} times`);
});
