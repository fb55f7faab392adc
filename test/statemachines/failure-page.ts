import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { DocumentedFailure } from './documented-failures.ts';
import { endStates, type MachineEnd, type TaskState } from './failing-machine.ts';

/** One run: what failed, with what, and what came of it. */
export interface FailureRow {
  task: TaskState;
  failure: DocumentedFailure;
  end: MachineEnd;
}

const page = new URL('../../docs/failures.md', import.meta.url);

/** The page's part between its marks is as the runs say. With LIFEBOAT_WRITE_DOCS=1 it is written instead. */
export function checkPart(name: string, content: string): void {
  const text = readFileSync(page, 'utf8');
  const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`];
  const from = text.indexOf(begin) + begin.length;
  const to = text.indexOf(end);
  assert.ok(
    from > begin.length && to >= from,
    `docs/failures.md has no part between ${begin.trim()} and ${end.trim()}`,
  );
  if (process.env.LIFEBOAT_WRITE_DOCS) writeFileSync(page, text.slice(0, from) + content + text.slice(to));
  else {
    const todo =
      'where the change is right, run `LIFEBOAT_WRITE_DOCS=1 node --test --test-concurrency=1 test/statemachines/failures*`';
    assert.equal(text.slice(from, to), content, `docs/failures.md says otherwise: ${todo}`);
  }
}

export const checkSection = (machine: string, rows: readonly FailureRow[]): void =>
  checkPart(machine, `${runsOf(machine, rows)}\n\n${tableOf(rows)}`);

const runsOf = (machine: string, rows: readonly FailureRow[]): string => {
  const states = new Set(rows.map(({ task }) => task.name)).size;
  return `${rows.length} runs of \`${machine}\`: ${states} states, each with every failure of what it calls.`;
};

const titles = ['state', 'calls', 'fails with', 'is begun', 'then', 'ends as', 'told', 'recorded'];

/** States whose runs went the same way have one line each; others one for each way, the usual one last. */
function tableOf(rows: readonly FailureRow[]): string {
  const lines = [...Map.groupBy(rows, ({ task }) => task.name).values()].flatMap((ofState) => {
    const byWay = Map.groupBy(ofState, ({ task, end }) => `${timesOf(task, end)} ${wayOf(task, end)} ${end.status}`);
    const begun = (same: FailureRow[]) => timesOf(same[0]!.task, same[0]!.end);
    const [usual, ...others] = [...byWay.values()].sort((a, b) => b.length - a.length || begun(a) - begun(b));
    const named = others.map((same) => lineOf(same, same.map(({ failure }) => failure.when).join('; ')));
    return [...named, lineOf(usual!, others.length > 0 ? 'anything else' : 'anything')];
  });
  return [titles, titles.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function lineOf(same: readonly FailureRow[], what: string): string[] {
  const { task, end } = same[0]!;
  const told = end.notices.some(({ occasion }) => occasion === 'failure') ? 'yes' : 'no';
  const recorded = end.evidence.some(({ outcome }) => outcome !== 'succeeded') ? 'yes' : 'no';
  const times = timesOf(task, end);
  const begun = times === 1 ? 'once' : `${times} times`;
  return [task.name, task.service, what, begun, wayOf(task, end), end.status, told, recorded];
}

const timesOf = (task: TaskState, { entered }: MachineEnd): number =>
  entered.filter((name) => name === task.name).length;

/** The Tasks and the end that follow its last failure. */
function wayOf(task: TaskState, { machine, entered }: MachineEnd): string {
  const after = entered.slice(entered.lastIndexOf(task.name) + 1);
  return after.filter((name) => endStates(machine).has(name)).join(' → ');
}
