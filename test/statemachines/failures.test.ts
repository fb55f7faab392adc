import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownPassingErrors, passingErrors } from '../check/aws-errors.ts';
import { house } from '../check/checked-machines.ts';
import { documentedFailures } from './documented-failures.ts';
import { scenes } from './failing-machine.ts';
import { checkPart } from './failure-page.ts';

test('every machine is run with failures', () => {
  assert.deepEqual(
    Object.keys(scenes).sort(),
    house.machines,
    'add it in failing-machine.ts, with a failures-….test.ts',
  );
});

test('what a Retry may name is among the failures that pass, and nothing else is', () => {
  for (const [service, failures] of Object.entries(documentedFailures)) {
    const passing = new Set(failures.filter(({ passes }) => passes).map(({ error }) => error));
    // who waits for a lease has a test of its own
    const own = service === 'lambda' ? ownPassingErrors.filter((error) => error !== 'LeaseHeld') : [];
    assert.deepEqual([...passing].sort(), [...passingErrors[service.replace('.sync', '')]!, ...own].sort());
  }
});

for (const [service, failures] of Object.entries(documentedFailures)) {
  test(`docs/failures.md has the failures of ${service}`, () => {
    const own = service === 'states.sync' ? failures.filter(({ error }) => error === 'States.TaskFailed') : failures;
    const lines = own.map(({ when, error, passes }) => `| ${when} | \`${error}\` | ${passes ? 'yes' : 'no'} |`);
    checkPart(service, ['| what happens | error | asked again |', '| --- | --- | --- |', ...lines].join('\n'));
  });
}
