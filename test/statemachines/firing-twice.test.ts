import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { findBackups } from '#catalog/backups';
import { MachineRun } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import { firingName } from '#model/planned-schedules';
import { type Script, takes } from './scripted-tasks.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

async function scene(script: Script = takes) {
  const source = await StoredSource.create();
  const run = new MachineRun({ source, tasks: { 'base-backup': (task) => script(task, source) } });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  const due = source.now;
  const input = { source: 'main', type: 'full', scheduledTime: due.toISOString().replace(/\.\d+/, '') };
  const backups = async () => (await findBackups(source.store, 'main')).map(({ state }) => state);
  return { source, run, due, input, backups };
}

test('a firing that took its backup takes no other, whatever the second execution is called', async () => {
  const { run, due, input, backups } = await scene();
  assert.equal((await run.run('backup', input, firingName('full-main', due))).status, 'SUCCEEDED');
  assert.deepEqual(await backups(), ['committed']);
  const again = await run.run('backup', input, 'by-hand');
  assert.deepEqual([again.status, again.output], ['SUCCEEDED', []], JSON.stringify(again));
  assert.deepEqual(await backups(), ['committed']);
  assert.equal(run.tasks.length, 1);
});

test('nor after 90 days, when Step Functions has forgotten the name', async () => {
  const { source, due, input, run, backups } = await scene();
  await run.run('backup', input, firingName('full-main', due));
  source.pass(100 * 24 * 60);
  const later = new MachineRun({ source, tasks: { 'base-backup': () => assert.fail('a second backup') } });
  cleanups.push(() => later.remove());
  assert.equal((await later.run('backup', input, firingName('full-main', due))).status, 'SUCCEEDED');
  assert.deepEqual(await backups(), ['committed']);
});

test('one whose backup failed may be made up for under another name, and the next firing is its own', async () => {
  let broken = true;
  const fails: Script = (task) => task.fail({ name: 'ServerUnsuitable', message: 'no', verdict: 'operator' });
  const { run, source, due, input, backups } = await scene((task, given) => (broken ? fails : takes)(task, given));
  assert.equal((await run.run('backup', input, firingName('full-main', due))).status, 'FAILED');
  broken = false;
  assert.equal((await run.run('backup', input, 'by-hand')).status, 'SUCCEEDED');
  assert.deepEqual(await backups(), ['committed']);
  const next = { ...input, scheduledTime: source.now.toISOString() };
  assert.equal((await run.run('backup', next, firingName('full-main', source.now))).status, 'SUCCEEDED');
  assert.deepEqual(await backups(), ['committed', 'committed']);
});

test('a backup of the other kind, or one that a person asked for, does not count', async () => {
  const { run, due, input, backups } = await scene();
  await run.run('backup', { source: 'main' }, 'by-hand');
  await run.run('backup', { ...input, type: 'incremental' }, firingName('incremental-main', due));
  await run.run('backup', input, firingName('full-main', due));
  assert.equal((await backups()).length, 3);
});
