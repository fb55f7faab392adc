import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatesError } from '#local/integration';
import { answerOf, type DocumentedFailure, documentedFailures } from './documented-failures.ts';
import { type MachineEnd, runFailing, type Sabotage, scenes, type TaskState, taskStates } from './failing-machine.ts';
import { checkSection, type FailureRow } from './failure-page.ts';

/**
 * Each documented failure of each integration, at each Task of a machine, in a run of its own: the machine is the real
 * file, functions and bucket are real, tasks follow a script. What must hold of every run stands in `checkEnd`; what
 * comes of it is pinned in docs/failures.md.
 */
export function testFailures(machine: string): void {
  const rows: FailureRow[] = [];
  const ways = waysTo(machine);
  for (const task of taskStates(machine)) {
    const failures = failuresOf(task);

    test(`${machine}: whatever "${task.name}" fails with, it does not look good`, async () => {
      assert.ok(failures.length > 0, `say in documented-failures.ts what ${task.service} may fail with`);
      const way = (await ways).get(task.name);
      assert.ok(way, `no way leads to "${task.name}": say in failing-machine.ts how a machine gets there`);
      for (const failure of failures) {
        const ownFault: Sabotage = { state: task.name, answer: answerOf(failure) };
        const end = await runFailing(machine, way.scene, [...way.before, ownFault]);
        try {
          checkEnd(task, failure, end);
        } catch (problem) {
          throw new Error(`${failure.error} (${failure.when}): ${(problem as Error).message}\n${describe(end)}`);
        }
        rows.push({ task, failure, end });
      }
    });

    test(`${machine}: what passes before "${task.name}" gives up leaves no trace`, async () => {
      const way = (await ways).get(task.name)!;
      if (way.before.length > 0 || way.scene !== scenes[machine]![0]) return;
      for (const failure of failures.filter(({ passes }) => passes)) {
        const times = task.retries(failure.error);
        assert.ok(times > 0, `${failure.error} is not asked again`);
        const end = await runFailing(machine, way.scene, [{ state: task.name, answer: answerOf(failure), times }]);
        assert.equal(end.status, 'SUCCEEDED', `${failure.error}: ${describe(end)}`);
        assert.equal(end.calls.get(task.name), times + 1, failure.error);
        assert.deepEqual(
          end.notices.filter(({ occasion }) => occasion === 'failure'),
          [],
          failure.error,
        );
      }
    });
  }

  test(`${machine}: docs/failures.md says what comes of it`, () => checkSection(machine, rows));
}

/** Where a token is waited for, what the call itself answers goes nowhere. */
const failuresOf = ({ service, state }: TaskState): DocumentedFailure[] =>
  (documentedFailures[service] ?? []).filter(
    ({ answer }) => answer === undefined || !state.Resource!.endsWith('.waitForTaskToken'),
  );

interface Way {
  scene: (typeof scenes)[string][number];
  /** what has to fail before it is come to */
  before: Sabotage[];
}

/** A way to each Task: on the machine's own ways, else when another Task fails, or dies with its child. */
async function waysTo(machine: string): Promise<Map<string, Way>> {
  const tasks = taskStates(machine);
  const ways = new Map<string, Way>();
  const go = async (scene: Way['scene'], before: Sabotage[]): Promise<void> => {
    const { entered } = await runFailing(machine, scene, before);
    for (const name of entered) if (!ways.has(name)) ways.set(name, { scene, before });
  };
  for (const scene of scenes[machine] ?? []) await go(scene, []);
  for (const error of ['StoreRefused', 'States.Runtime']) {
    for (const { name } of tasks) {
      if (tasks.every((task) => ways.has(task.name))) return ways;
      const way = ways.get(name);
      if (way) await go(way.scene, [...way.before, { state: name, answer: new StatesError(error, 'no') }]);
    }
  }
  return ways;
}

/** What cleans up after a task that was begun. */
const undoStates = ['Clear up', 'Clean up'];

function checkEnd(task: TaskState, failure: DocumentedFailure, end: MachineEnd): void {
  const { name, service } = task;
  const begun = end.entered.filter((state) => state === name).length;
  const retries = task.retries(failure.error);
  assert.equal(
    retries > 0,
    failure.passes,
    failure.passes ? 'passes, and is not asked again' : 'lasts, and is asked again',
  );
  assert.equal(end.calls.get(name), begun * (retries + 1), 'it was called otherwise often than Retry says');
  assert.ok(service === 'ecs' || begun === 1, `it was begun ${begun} times`);
  if (isExpected(task, failure)) {
    assert.equal(end.status, 'SUCCEEDED');
    if (besideTheMove.includes(name) && !isThere(failure))
      assert.ok(
        end.notices.some(({ occasion }) => occasion === 'failure'),
        'not told',
      );
    return;
  }
  assert.equal(end.status, 'FAILED', 'it has to fail truthfully');
  const undo = undoStates.find((state) => taskNames(end).has(state));
  if (service === 'ecs' && !undoStates.includes(name) && hasUndo(end)) assert.ok(undo, 'nothing was undone');
  if (service !== 'sns')
    assert.ok(
      end.notices.some(({ occasion }) => occasion === 'failure'),
      'nobody was told',
    );
  if (!isEvidence(task)) {
    assert.ok(
      end.evidence.some(({ outcome }) => outcome !== 'succeeded'),
      'it was not recorded',
    );
  }
}

/** The move is done by then, and stays so: what goes wrong beside it is told as a failure of its own. */
const besideTheMove = [
  'Back up the new primary',
  'Give the lease back',
  'Rebuild the old side',
  'Ask why the rebuild failed',
];
const isThere = ({ error }: DocumentedFailure): boolean => error.includes('AlreadyExists');
const afterTheMove = [
  ...besideTheMove,
  ...['Give the lease of the rehearsal back', 'Tell what is left', 'Tell that there is no standby'],
  // what it restored is seen by the promotion
  'Read what was restored',
];

/** That good news could not be told makes nothing bad; and a drill that was started before need not be started. */
const isExpected = (task: TaskState, { error }: DocumentedFailure): boolean =>
  afterTheMove.includes(task.name) ||
  (task.service === 'sns' && JSON.stringify(task.state.Arguments).includes("'occasion': 'success'")) ||
  (task.state.Catch ?? []).some(
    ({ ErrorEquals }) => error.startsWith('StepFunctions.') && ErrorEquals?.includes(error),
  );

const isEvidence = ({ state }: TaskState): boolean =>
  JSON.stringify(state.Arguments).includes('RecordEvidenceFunctionArn');

const taskNames = ({ entered }: MachineEnd): ReadonlySet<string> => new Set(entered);

const hasUndo = ({ machine }: MachineEnd): boolean => taskStates(machine).some(({ name }) => undoStates.includes(name));

const describe = ({ status, error, entered, notices }: MachineEnd): string =>
  `${status} ${error ?? ''} by ${entered.join(' → ')}; told: ${notices.map(({ title }) => title).join(', ')}`;
