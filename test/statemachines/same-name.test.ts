import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { readStanding } from '#catalog/standing';
import { MachineRun } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import { finds, restores, type Script, shows, takes } from './scripted-tasks.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

/**
 * Step Functions forgets a name after 90 days, and one machine with its state directory; the bucket forgets nothing. So
 * an execution may find the results of another one that had its name, whose tasks then do nothing.
 */
const machines: [machine: string, task: string, script: Script, input: Record<string, string>][] = [
  ['backup', 'base-backup', takes, {}],
  ['verify', 'verify-part', finds(), {}],
  ['drill', 'drill', shows(), {}],
  ['restore', 'restore', restores, { to: '/srv/restored' }],
];

for (const [machine, task, script, input] of machines) {
  test(`${machine} fails when its tasks did nothing, because an execution had its name months ago`, async () => {
    const source = await StoredSource.create();
    cleanups.push(() => source.remove());
    await source.backup();
    await source.commit();
    const runAgain = async () => {
      const tasks = { [task]: (one: Parameters<Script>[0]) => script(one, source) };
      const run = new MachineRun({ source, tasks, answer: () => ({ decision: 'approve', by: 'grace' }) });
      cleanups.push(() => run.remove());
      return run.run(machine, input);
    };
    assert.equal((await runAgain()).status, 'SUCCEEDED');
    source.pass(100 * 24 * 60);
    const { backup } = await source.backup();
    const { status, cause } = await runAgain();
    assert.equal(status, 'FAILED');
    assert.match(cause!, /is of an execution of the same name before this one/);
    const { backups } = await readStanding(source.store, 'main');
    assert.equal(backups.find((standing) => standing.backup === backup)?.state, 'committed');
  });
}

test('what steps read of another backup says nothing about this one, however new it is', async () => {
  const source = await StoredSource.create();
  const first = await source.backup();
  const run = new MachineRun({ source, tasks: { 'verify-part': (task) => lies(task, source) } });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  const second = await source.backup();
  const lies: Script = (task) => finds()({ ...task, input: { ...task.input, backup: first.backup } }, source);
  const { status, cause } = await run.run('verify', {});
  assert.equal(status, 'FAILED');
  assert.match(cause!, new RegExp(`is about main/${first.backup}, and not main/${second.backup}`));
});
