import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { MachineRun } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import { finds, restores, type Script, shows, takes } from './scripted-tasks.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

const machines: [machine: string, task: string, script: Script, input: Record<string, string>][] = [
  ['backup', 'base-backup', takes, {}],
  ['verify', 'verify-part', finds(), {}],
  ['verify', 'verify-part', finds(['damaged']), {}],
  ['drill', 'drill', shows(), {}],
  ['drill', 'drill', shows({ ok: false, verdict: 'broken' }), {}],
  [
    'drill',
    'drill',
    (task) => (task.input.clean ? task.leave({ removed: [] }) : task.fail({ verdict: 'operator' })),
    {},
  ],
  ['restore', 'restore', restores, { to: '/srv/restored' }],
];

async function leaves(machine: string, task: string, script: Script, input: Record<string, string>, twice: boolean) {
  const source = await StoredSource.create();
  await source.backup();
  await source.commit();
  const tasks = { [task]: (one: Parameters<Script>[0]) => script(one, source) };
  const run = new MachineRun({ source, tasks, twice, answer: () => ({ decision: 'approve', by: 'grace' }) });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  const { status, error } = await run.run(machine, input);
  const keys: string[] = [];
  for await (const { key } of source.store.list('')) keys.push(key.replaceAll(/\d{8}T\d{9}Z|[0-9a-f]{64}/g, '…'));
  return { status, error, keys };
}

for (const [index, [machine, task, script, input]] of machines.entries()) {
  test(`${machine} (${index}) does the same when each function is invoked twice`, async () => {
    const once = await leaves(machine, task, script, input, false);
    const twice = await leaves(machine, task, script, input, true);
    assert.deepEqual(twice, once);
    assert.ok(once.keys.some((key) => key.startsWith('evidence/')));
  });
}
