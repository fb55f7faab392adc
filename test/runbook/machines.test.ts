import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { shellWord } from '#notify/shell-word';
import { finishSections } from '#runbook/finish';
import { allStates, innerScopes, type Machine, machineNames, readMachine, type Scope } from '#runbook/machine';
import { machineSections } from '#runbook/machine-page';
import type { Page } from '#runbook/page';
import { nextOf, passOrder } from '#runbook/pass-order';
import { printMarkdown } from '#runbook/print-markdown';
import { printText } from '#runbook/print-text';
import { waitsMs } from '#runbook/retried';

const folder = fileURLToPath(new URL('../../statemachines', import.meta.url));
const surroundings = { hasCommand: () => false, schedules: [], onAws: true };

function pageOf(machine: Machine): Page {
  const finished = finishSections(machineSections(machine, surroundings), { words: {}, programs: {}, behind: [] });
  return {
    ...{ name: machine.name, kind: 'machine', title: '', madeAt: '', plan: null, source: null, environment: {} },
    ...{ fillIn: finished.missing, sections: finished.sections },
  };
}

const tasksOf = (machine: Machine) => allStates(machine).flatMap(([name, { Type }]) => (Type === 'Task' ? [name] : []));

for (const name of machineNames(folder)) {
  describe(name, () => {
    const machine = readMachine(folder, name);
    const page = pageOf(machine);
    const items = page.sections.flatMap((section) => section.items);

    test('each Task stands there once, with a number, in every format', () => {
      const numbered = items.filter(({ number }) => number !== undefined).map(({ text }) => text);
      const text = printText(page, shellWord);
      const markdown = printMarkdown(page, shellWord);
      for (const task of tasksOf(machine)) {
        assert.equal(numbered.filter((one) => one === task).length, 1, task);
        assert.equal(text.split('\n').filter((line) => line.replace(/^ *\d+ /, '') === task).length, 1, task);
        assert.equal(markdown.split('\n').filter((line) => line.replace(/^ *\d+\. /, '') === task).length, 1, task);
      }
    });

    test('where it goes on when something fails is a step of the page', () => {
      const numbers = new Set(items.map(({ number }) => String(number)));
      const named = items.flatMap(({ details = [] }) =>
        details.flatMap((line) => /on with step (.*)\./.exec(line)?.[1] ?? []),
      );
      assert.ok(named.length > 0);
      for (const step of named.flatMap((list) => list.split(' or '))) assert.ok(numbers.has(step), step);
    });

    test('what follows stands behind, except where it goes back', () => {
      for (const scope of scopesOf(machine)) {
        const { well, badly } = passOrder(scope);
        assert.deepEqual([...well, ...badly].sort(), Object.keys(scope.States).sort(), 'each state once');
        assert.equal(well[0], scope.StartAt);
        for (const [index, state] of well.entries()) {
          const next = nextOf(scope.States[state]!).filter((name) => well.includes(name));
          const isBehind = next.some((name) => well.indexOf(name) > index);
          const goesBack = next.every((name) => reaches(scope, name, state));
          assert.ok(next.length === 0 || isBehind || goesBack, `${state} → ${next.join(', ')}`);
        }
      }
    });

    test('what may go wrong is told of each service that it calls', () => {
      const failures = page.sections.find(({ key }) => key === 'failures')!;
      for (const { text, details } of failures.items) assert.ok(details!.length > 0, `${text}: nothing is documented`);
    });

    test('it fits on paper', () => {
      for (const line of printText(page, shellWord).split('\n')) assert.ok(line.length <= 100, line);
    });
  });
}

const scopesOf = (scope: Scope): Scope[] => [
  scope,
  ...Object.values(scope.States).flatMap((state) => innerScopes(state).flatMap(scopesOf)),
];

function reaches(scope: Scope, from: string, to: string, seen = new Set<string>()): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return nextOf(scope.States[from]!).some((next) => reaches(scope, next, to, seen));
}

test('a machine that is added has a runbook', () => {
  const added = mkdtempSync(join(tmpdir(), 'lifeboat-machines-'));
  try {
    cpSync(folder, added, { recursive: true });
    const lambda = { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke' };
    const States = {
      'Look around': { ...lambda, Next: 'Good?', Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Tell it' }] },
      'Good?': { Type: 'Choice', Choices: [{ Condition: '{% true %}', Next: 'Good' }], Default: 'Tell it' },
      Good: { Type: 'Succeed' },
      'Tell it': { Type: 'Task', Resource: 'arn:aws:states:::sns:publish', Next: 'Bad' },
      Bad: { Type: 'Fail' },
    };
    writeFileSync(join(added, 'failover.asl.json'), JSON.stringify({ StartAt: 'Look around', States }));
    assert.ok(machineNames(added).includes('failover'));
    const page = pageOf(readMachine(added, 'failover'));
    const stepsIn = (key: string) =>
      page.sections.find((section) => section.key === key)!.items.map(({ text }) => text);
    assert.deepEqual(stepsIn('steps'), ['Look around', 'Good?', 'Good']);
    assert.deepEqual(stepsIn('failing'), ['Tell it', 'Bad']);
  } finally {
    rmSync(added, { recursive: true });
  }
});

test('pauses are summed as Step Functions makes them', () => {
  assert.equal(
    waitsMs({ ErrorEquals: [], IntervalSeconds: 5, MaxAttempts: 5, BackoffRate: 2, MaxDelaySeconds: 60 }),
    135_000,
  );
  assert.equal(waitsMs({ ErrorEquals: [] }), 7_000);
});
