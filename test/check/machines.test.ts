import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { house, machineText, problemsOf } from './checked-machines.ts';
import { pascal, substitutionsIn } from './machine-rules.ts';
import type { Json } from './machine-states.ts';

test('there are machines to look at', () => {
  assert.deepEqual(house.machines, [
    'backup',
    'drill',
    'dump',
    'failback',
    'failover',
    'rds-restore',
    'rds-snapshot',
    'restore',
    'retention',
    'scrub',
    'system-recovery',
    'verify',
  ]);
});

for (const name of house.machines) {
  test(`the machine ${name} has nothing wrong with it`, async () => {
    const problems = await problemsOf(machineText(name));
    assert.equal(problems.length, 0, `\n${problems.join('\n')}\n`);
  });
}

/** Functions that no machine calls, and what does. */
const calledElsewhere: Record<string, string> = {
  tell: 'the topic',
  watch: 'a schedule',
  'tell-incidents': 'a schedule, and lifeboat incident',
  'watch-managed': 'a schedule',
  'watch-failover': 'a schedule, where the plan has groups',
  'sign-evidence': 'a schedule, where the plan has a key',
  'start-scheduled': 'the other schedules',
  'answer-approval': 'lifeboat approve and reject',
  'checksum-verifier': 'statemachines/rules.json',
  'metadata-indexer': 'statemachines/rules.json',
  'slack-answer': 'Slack, when somebody presses a button',
};

test('every function is called by a machine or by what is known to call it', () => {
  const used = new Set(house.machines.flatMap((name) => substitutionsIn(machineText(name))));
  const idle = house.functions.filter((name) => !used.has(`${pascal(name)}FunctionArn`) && !calledElsewhere[name]);
  assert.deepEqual(idle, [], 'call it, remove it, or say in calledElsewhere who does');
});

test('what the rules of events lead to is there', () => {
  const file = new URL('../../statemachines/rules.json', import.meta.url);
  if (!existsSync(file)) return;
  for (const { text } of targetsIn(JSON.parse(readFileSync(file, 'utf8'))))
    assert.ok([...house.functions, ...house.machines].includes(text), text);
});

function* targetsIn(value: Json): Generator<{ text: string }> {
  if (Array.isArray(value)) for (const item of value) yield* targetsIn(item);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      if ((key === 'function' || key === 'stateMachine') && typeof inner === 'string') yield { text: inner };
      else yield* targetsIn(inner);
    }
  }
}
