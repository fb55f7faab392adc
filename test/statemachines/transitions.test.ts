import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MachineRun } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import { finds, type Script, shows, takes } from './scripted-tasks.ts';

/*
 * What AWS charges for an execution is each state that it enters, those of the children of its Maps and each attempt of
 * a Retry included: https://aws.amazon.com/step-functions/pricing/. Counted in the journals of executions that went well.
 */
const counts: [machine: string, task: string, script: Script, states: string[]][] = [
  [
    'backup',
    'base-backup',
    takes,
    [
      ...['Begin', 'Plan the backups', 'Back up each server', 'Back up one after the other', 'Begin with one source'],
      ...['Wait for the lease', 'Copy the cluster', 'Confirm the commit', 'Record the backup'],
      ...['Tell about the backup', 'Backed up', 'All backed up?', 'Done'],
    ],
  ],
  [
    'verify',
    'verify-part',
    finds(),
    [
      ...['Begin', 'Plan the verification', 'Looked at before?', 'Read each step back', 'Begin with one step'],
      ...[
        'Read the step back',
        'Looked',
        'Conclude',
        'Is it whole?',
        'Record that it is whole',
        'Prove it',
        'Verified',
      ],
    ],
  ],
  [
    'drill',
    'drill',
    shows(),
    [
      ...['Begin', 'Choose a recovery point', 'Restore it for a look', 'Record the proof', 'Proven?'],
      ...['Record the drill', 'Tell about the proof', 'Proven'],
    ],
  ],
];

const entered = new Map<string, number>();
for (const [machine, task, script, states] of counts) {
  test(`a ${machine} of one source that goes well enters ${states.length} states`, async (t) => {
    const source = await StoredSource.create();
    const run = new MachineRun({ source, tasks: { [task]: (one) => script(one, source) } });
    t.after(() => {
      run.remove();
      source.remove();
    });
    if (machine !== 'backup') await source.backup();
    assert.equal((await run.run(machine, {})).status, 'SUCCEEDED');
    assert.deepEqual(
      run.entered.map(({ state }) => state),
      states,
    );
    entered.set(machine, run.entered.length);
  });
}

test('a nightly backup of one source and reading it back take at most 25 state transitions', () => {
  assert.ok(entered.get('backup')! + entered.get('verify')! <= 25, JSON.stringify([...entered]));
});
