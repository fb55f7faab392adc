import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MachineRun } from '#harness/machine-run';
import {
  afterFailover,
  eastIsGone,
  type MoveSceneOptions,
  moveScene,
  moveTasks,
  nothingIsLeft,
  yes,
} from './failover-scene.ts';

/*
 * The engine dies at each call of a Task: before it is made, and when its work is done and nobody knows. The next engine goes on
 * from the journal, and it has to come to the same end.
 */
interface Way {
  what: string;
  machine: string;
  input: Record<string, string | boolean>;
  options: MoveSceneOptions;
}

const ways: Way[] = [
  { what: 'failover', machine: 'failover', input: {}, options: { given: eastIsGone } },
  { what: 'switchover', machine: 'failover', input: { planned: true }, options: {} },
  {
    what: 'restore from the bucket',
    machine: 'failover',
    input: { to: 'west' },
    options: {
      given: nothingIsLeft,
    },
  },
  {
    what: 'rehearsal',
    machine: 'failover',
    input: { rehearse: true },
    options: { group: '    rehearsal: { capacity: true }\n' },
  },
  {
    what: 'switchover that is refused by the standby',
    machine: 'failover',
    input: { planned: true },
    options: {
      given(sites) {
        sites.west.scripts.promote = async () => {
          const { PromotionFailed } = await import('#failover/failures');
          throw new PromotionFailed('no right', { operation: 'test', subject: 'west' });
        };
      },
    },
  },
  { what: 'failback', machine: 'failback', input: {}, options: { given: afterFailover } },
];

type Death = { state: string; nth: number; when: 'before' | 'after' };

/** What is there in the end, whatever happened on the way. */
async function endOf({ machine, input, options }: Way, death?: Death, twice = false) {
  const { source, sites, remove, run: first } = await moveScene(options);
  const states: string[] = [];
  let died = false;
  const run = new MachineRun({
    ...{ source, twice, tasks: moveTasks(source, sites), answer: yes },
    dies({ state, execution }) {
      if (execution.machine !== machine) return undefined;
      states.push(state);
      const count = states.filter((one) => one === state).length;
      if (died || !death || death.state !== state || count !== death.nth) return undefined;
      died = true;
      return death.when;
    },
  });
  try {
    let end = await run.run(machine, input).catch((failure: Error) => failure);
    if (end instanceof Error) {
      assert.equal(end.name, 'LeaveExecution', end.stack);
      end = await run.run(machine, input);
    }
    assert.equal(died, death !== undefined, 'it was not killed');
    assert.deepEqual(sites.violations, [], 'two primaries');
    const keys: string[] = [];
    for await (const { key } of source.store.list('evidence/')) keys.push(key);
    const { status, error } = end;
    const values = sites.movables.map(({ value }) => value);
    const [east, west] = [sites.east, sites.west].map(({ role, runs, fenced }) => ({ role, runs, fenced }));
    return { states, left: { status, error, values, east, west, evidence: keys.length, started: run.started.length } };
  } finally {
    run.remove();
    first.remove();
    remove();
  }
}

for (const way of ways) {
  test(`${way.what}: killed at any Task, it comes to the same end`, async () => {
    const { states, left } = await endOf(way);
    const seen: string[] = [];
    for (const state of states) {
      seen.push(state);
      const nth = seen.filter((one) => one === state).length;
      // a question's answer comes by another way than its call's
      for (const when of state === 'Ask for approval' ? (['before'] as const) : (['before', 'after'] as const)) {
        const killed = await endOf(way, { state, nth, when });
        assert.deepEqual(killed.left, left, `killed ${when} "${state}" (${nth})`);
      }
    }
  });

  test(`${way.what}: every function may be invoked twice`, async () => {
    const once = await endOf(way);
    const twice = await endOf(way, undefined, true);
    assert.deepEqual(twice.left, once.left);
  });
}
