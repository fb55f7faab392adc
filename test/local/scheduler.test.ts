import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '#local/clock';
import type { ScheduleState } from '#local/schedule-state';
import { Scheduler } from '#local/scheduler';
import type { PlannedSchedule, StartTarget } from '#model/planned-schedules';
import { parseSchedule } from '#model/schedule';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const schedule = (name: string, expression: string, timezone = 'UTC'): PlannedSchedule => ({
  name,
  expression: parseSchedule(expression),
  timezone,
  windowMinutes: 0,
  target:
    name === 'watch'
      ? { function: 'watch', input: {} }
      : {
          stateMachine: name.startsWith('drill') ? 'drill' : 'backup',
          input: { source: 'main', at: '<aws.scheduler.scheduled-time>' },
        },
});

const plan = [
  schedule('full-main', 'cron(0 2 ? * SUN *)'),
  schedule('incremental-main', 'cron(0 2 ? * MON-SAT *)'),
  schedule('drill-main', 'cron(0 5 1 * ? *)'),
  schedule('watch', 'rate(1 minute)'),
];

/** One machine: its clock, its disk, and what was started on it, which all outlive the daemon. */
class Machine {
  time: number;
  disk: Record<string, ScheduleState> = {};
  readonly starts: { name: string; target: StartTarget; at: string }[] = [];
  readonly running = new Set<string>();
  readonly said: string[] = [];
  /** called before each step that has an effect */
  beforeStep: (step: string) => Promise<void> = async () => undefined;
  startFailure: Error | undefined;
  readonly pauses: number[] = [];
  /** the daemon was killed: time does not pass for it */
  dead = false;

  constructor(start: string) {
    this.time = Date.parse(start);
  }

  scheduler(schedules: PlannedSchedule[] = plan): Scheduler {
    const say = (message: string) => this.said.push(message);
    return new Scheduler({
      schedules,
      clock: this.#clock(),
      log: { info: say, warn: say, error: say },
      store: {
        load: async () => structuredClone(this.disk),
        save: async (states) => {
          await this.beforeStep('save');
          this.disk = structuredClone(states);
        },
      },
      start: async (target, scheduledTime, name) => {
        await this.beforeStep('start');
        if (this.startFailure) throw this.startFailure;
        this.starts.push({ name, target, at: scheduledTime.toISOString() });
        await this.beforeStep('started');
      },
      isRunning: async (name) => this.running.has(name),
    });
  }

  /** Let a daemon run for so long; time passes only while it sleeps. */
  async run(durationMs: number, scheduler = this.scheduler()): Promise<void> {
    this.#stop = new AbortController();
    this.#until = this.time + durationMs;
    await scheduler.run(this.#stop.signal);
  }

  names(kind: string): string[] {
    return this.starts.map(({ name }) => name).filter((name) => name.startsWith(kind));
  }

  #stop = new AbortController();
  #until = 0;
  #clock(): Clock {
    return {
      now: () => this.time,
      sleep: async (ms) => {
        this.pauses.push(ms);
        await turn();
        if (this.dead) await new Promise(() => undefined);
        this.time += ms;
        if (this.time >= this.#until) this.#stop.abort();
      },
    };
  }
}

test('in a week each firing is started once, on time, under a name of its own', async () => {
  const machine = new Machine('2026-11-27T12:00:00.250Z');
  await machine.run(7 * dayMs);
  assert.deepEqual(machine.names('full'), ['full-main-20261129T020000Z']);
  assert.deepEqual(
    machine.names('incremental'),
    ['20261128', '20261130', '20261201', '20261202', '20261203', '20261204'].map(
      (day) => `incremental-main-${day}T020000Z`,
    ),
  );
  assert.deepEqual(machine.names('drill'), ['drill-main-20261201T050000Z']);
  const watches = machine.names('watch');
  assert.equal(watches.length, 7 * 24 * 60 + 1);
  assert.equal(new Set(watches).size, watches.length);
  assert.equal(watches[0], 'watch-20261127T120000Z');
  assert.equal(watches.at(-1), 'watch-20261204T120000Z');
  assert.deepEqual(machine.starts.find(({ name }) => name.startsWith('full'))?.target, {
    stateMachine: 'backup',
    input: { source: 'main', at: '2026-11-29T02:00:00Z' },
  });
  assert.deepEqual(machine.said, []);
  assert.ok(Math.max(...machine.pauses) <= 30_000);
});

test('a machine that was off makes up for the newest missed firing alone, and says how many there were', async () => {
  const machine = new Machine('2026-11-20T12:00:00Z');
  await machine.run(hourMs);
  machine.starts.length = 0;
  machine.time = Date.parse('2026-11-26T09:30:00Z');
  await machine.run(minuteMs / 2);
  assert.deepEqual(machine.names('full'), ['full-main-20261122T020000Z']);
  assert.deepEqual(machine.names('incremental'), ['incremental-main-20261126T020000Z']);
  assert.equal(machine.names('watch').length, 1);
  assert.deepEqual(machine.names('drill'), []);
  assert.ok(
    machine.said.includes('incremental-main: 4 missed before 2026-11-26T02:00:00.000Z, which is made up for alone'),
  );
  assert.ok(machine.said.some((message) => /^watch: 999 or more missed/.test(message)));
  const before = machine.starts.length;
  await machine.run(10_000);
  assert.equal(machine.starts.length, before);
});

test('what never was in the plan before has missed nothing', async () => {
  const machine = new Machine('2026-11-22T02:00:01Z');
  await machine.run(hourMs, machine.scheduler([schedule('full-main', 'cron(0 2 ? * SUN *)')]));
  assert.deepEqual(machine.starts, []);
});

test('a daemon killed between any two steps starts each firing once in the end', async () => {
  for (let killedAt = 1; killedAt <= 12; killedAt++) {
    const machine = new Machine('2026-11-22T01:59:30Z');
    const schedules = [schedule('full-main', 'cron(0/2 2 ? * SUN *)')];
    let steps = 0;
    const killed = new Promise<never>(() => undefined);
    const died = Promise.withResolvers<void>();
    machine.beforeStep = async () => {
      if (++steps !== killedAt) return;
      machine.dead = true;
      died.resolve();
      await killed;
    };
    await Promise.race([machine.run(5 * minuteMs, machine.scheduler(schedules)), died.promise]);
    await turn();
    machine.beforeStep = async () => undefined;
    machine.dead = false;
    await machine.run(5 * minuteMs, machine.scheduler(schedules));
    const distinct = [...new Set(machine.names('full'))];
    const until = new Date(machine.time).toISOString();
    const expected = ['00', '02', '04', '06', '08'].filter((minute) => `2026-11-22T02:${minute}` <= until);
    assert.deepEqual(
      distinct,
      expected.map((minute) => `full-main-20261122T02${minute}00Z`),
      `killed at step ${killedAt}`,
    );
    // the same name starts nothing twice, so at most the interrupted one is asked for again
    assert.ok(machine.starts.length <= distinct.length + 1);
  }
});

test('a firing is left out, and this said, while what the schedule started before still runs', async () => {
  const machine = new Machine('2026-11-22T01:59:30Z');
  const schedules = [schedule('full-main', 'cron(0/2 2 ? * SUN *)')];
  machine.running.add('full-main-20261122T020000Z');
  await machine.run(3 * minuteMs, machine.scheduler(schedules));
  assert.deepEqual(machine.names('full'), ['full-main-20261122T020000Z']);
  assert.deepEqual(machine.said, [
    'full-main: not started at 2026-11-22T02:02:00.000Z, because full-main-20261122T020000Z still runs',
  ]);
  // also by a daemon that was started in between, and when something was left out before
  await machine.run(2 * minuteMs, machine.scheduler(schedules));
  assert.equal(machine.starts.length, 1);
  machine.running.clear();
  await machine.run(2 * minuteMs, machine.scheduler(schedules));
  assert.deepEqual(machine.names('full'), ['full-main-20261122T020000Z', 'full-main-20261122T020600Z']);
});

test('a start that hangs keeps no other schedule waiting', async () => {
  const machine = new Machine('2026-11-22T01:59:30Z');
  const hanging = Promise.withResolvers<void>();
  let first = true;
  machine.beforeStep = async (step) => {
    if (step !== 'started' || !first) return;
    first = false;
    await hanging.promise;
  };
  const running = machine.run(
    10 * minuteMs,
    machine.scheduler([schedule('watch', 'rate(1 minute)'), schedule('full-main', 'cron(0 2 ? * SUN *)')]),
  );
  while (machine.time < Date.parse('2026-11-22T02:05:00Z')) await turn();
  assert.deepEqual(machine.names('full'), ['full-main-20261122T020000Z']);
  assert.equal(machine.names('watch').length, 1);
  hanging.resolve();
  await running;
  assert.ok(machine.names('watch').length >= 2);
});

test('a start that fails is repeated with growing pauses, and each failure said, until the next firing takes its place', async () => {
  const machine = new Machine('2026-11-22T01:59:30Z');
  machine.startFailure = new Error('no machine');
  const schedules = [schedule('full-main', 'cron(0 * ? * SUN *)')];
  await machine.run(30 * minuteMs, machine.scheduler(schedules));
  assert.match(machine.said[0]!, /^full-main: start failed 1 times, again in 1 s: no machine$/);
  assert.match(machine.said[3]!, /failed 4 times, again in 8 s/);
  assert.match(machine.said.at(-1)!, /again in 300 s/);
  assert.ok(machine.said.length < 20);
  machine.startFailure = undefined;
  await machine.run(5 * minuteMs, machine.scheduler(schedules));
  assert.deepEqual(machine.names('full'), ['full-main-20261122T020000Z']);
  machine.startFailure = new Error('no machine');
  await machine.run(hourMs, machine.scheduler(schedules));
  machine.startFailure = undefined;
  await machine.run(hourMs, machine.scheduler(schedules));
  assert.deepEqual(machine.names('full'), [
    'full-main-20261122T020000Z',
    'full-main-20261122T030000Z',
    'full-main-20261122T040000Z',
  ]);
});

test('a clock that goes back starts nothing a second time', async () => {
  for (const backMs of [1000, 5 * minuteMs, 3 * hourMs, 3 * dayMs, 9 * dayMs]) {
    const machine = new Machine('2026-11-19T12:00:00Z');
    const scheduler = machine.scheduler();
    await machine.run(5 * dayMs, scheduler);
    machine.time -= backMs;
    const watched = machine.names('watch').length;
    await machine.run(dayMs, scheduler);
    // and somebody watches all the time
    assert.ok(machine.names('watch').length - watched > 24 * 60 - 15);
    await machine.run(backMs, machine.scheduler(plan.slice(0, 3)));
    for (const kind of ['full', 'incremental', 'drill', 'watch']) {
      const times = machine.starts.filter(({ name }) => name.startsWith(kind)).map(({ at }) => at);
      assert.equal(new Set(times).size, times.length, `${kind} after ${backMs} ms back`);
    }
    assert.equal(machine.names('incremental').at(-1), 'incremental-main-20261125T020000Z');
  }
});

test('a clock that was far ahead for a while stops no schedule', async () => {
  const machine = new Machine('2026-11-20T12:00:00Z');
  await machine.run(hourMs);
  machine.time = Date.parse('2099-01-01T00:00:00Z');
  await machine.run(hourMs);
  machine.time = Date.parse('2026-11-20T15:00:00Z');
  machine.starts.length = 0;
  await machine.run(2 * dayMs);
  assert.deepEqual(machine.names('full'), ['full-main-20261122T020000Z']);
  assert.deepEqual(machine.names('incremental'), ['incremental-main-20261121T020000Z']);
  assert.ok(machine.names('watch').length > 2 * 24 * 60 - 15);
  assert.ok(machine.said.some((message) => /the clock went back/.test(message)));
});

test('a clock that jumps ahead, as after a night in suspension, makes up once', async () => {
  const machine = new Machine('2026-11-19T20:00:00Z');
  const scheduler = machine.scheduler();
  await machine.run(hourMs, scheduler);
  machine.time = Date.parse('2026-11-22T08:00:00Z');
  await machine.run(hourMs, scheduler);
  assert.deepEqual(machine.names('incremental'), ['incremental-main-20261121T020000Z']);
  assert.deepEqual(machine.names('full'), ['full-main-20261122T020000Z']);
});

test('a rate keeps its beat over restarts, and gets another one when it is changed', async () => {
  const machine = new Machine('2026-11-20T12:00:07Z');
  await machine.run(hourMs, machine.scheduler([schedule('watch', 'rate(25 minutes)')]));
  machine.time += 123_456;
  await machine.run(hourMs, machine.scheduler([schedule('watch', 'rate(25 minutes)')]));
  assert.deepEqual(
    machine.starts.map(({ at }) => at.slice(11, 19)),
    ['12:00:07', '12:25:07', '12:50:07', '13:15:07', '13:40:07'],
  );
  machine.starts.length = 0;
  machine.time = Date.parse('2026-11-20T15:00:00Z');
  await machine.run(hourMs, machine.scheduler([schedule('watch', 'rate(50 minutes)')]));
  assert.deepEqual(
    machine.starts.map(({ at }) => at.slice(11, 19)),
    ['15:50:00'],
  );
});

test('a schedule is about the clocks of its zone, and its executions are named in UTC', async () => {
  const machine = new Machine('2027-03-26T12:00:00Z');
  const schedules = [schedule('full-main', 'cron(30 2 * * ? *)', 'Europe/Berlin')];
  await machine.run(4 * dayMs, machine.scheduler(schedules));
  // half past two is left out on the 28th
  assert.deepEqual(machine.names('full'), [
    'full-main-20270327T013000Z',
    'full-main-20270329T003000Z',
    'full-main-20270330T003000Z',
  ]);
  assert.equal((machine.starts[1]!.target.input as { at: string }).at, '2027-03-29T00:30:00Z');
  machine.starts.length = 0;
  machine.time = Date.parse('2027-10-30T12:00:00Z');
  await machine.run(2 * dayMs, machine.scheduler(schedules));
  // and comes twice on the 31st
  assert.deepEqual(machine.names('full').slice(1), ['full-main-20271031T003000Z', 'full-main-20271101T013000Z']);
});

test('another zone makes up for nothing that its clocks showed before', async () => {
  const machine = new Machine('2026-11-20T12:00:00Z');
  await machine.run(hourMs, machine.scheduler([schedule('full-main', 'cron(0 2 * * ? *)')]));
  await machine.run(12 * hourMs, machine.scheduler([schedule('full-main', 'cron(0 2 * * ? *)', 'Asia/Tokyo')]));
  await machine.run(12 * hourMs, machine.scheduler([schedule('full-main', 'cron(0 2 * * ? *)', 'America/New_York')]));
  assert.deepEqual(machine.names('full'), ['full-main-20261120T170000Z', 'full-main-20261121T070000Z']);
});

test('what is due next is told, soonest first', async () => {
  const machine = new Machine('2026-11-20T12:00:00Z');
  const scheduler = machine.scheduler([...plan, schedule('full-old', 'cron(0 2 ? * SUN 2025)')]);
  assert.deepEqual(scheduler.next(), []);
  await machine.run(5000, scheduler);
  assert.deepEqual(
    scheduler.next().map(({ name, at }) => `${name} ${at.toISOString().slice(0, 16)}`),
    [
      'watch 2026-11-20T12:01',
      'incremental-main 2026-11-21T02:00',
      'full-main 2026-11-22T02:00',
      'drill-main 2026-12-01T05:00',
    ],
  );
});

test('a schedule that left the plan is forgotten', async () => {
  const machine = new Machine('2026-11-20T12:00:00Z');
  await machine.run(minuteMs);
  assert.deepEqual(
    Object.keys(machine.disk),
    plan.map(({ name }) => name),
  );
  await machine.run(minuteMs, machine.scheduler([plan[0]!]));
  assert.deepEqual(Object.keys(machine.disk), ['full-main']);
});
