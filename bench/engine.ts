import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#local/clock';
import type { Json } from '#local/integration';
import { runExecution } from '#local/run-execution';

/**
 * How long the engine itself takes: a Map of 1,000 items with two states each, run to its end, and gone on with from a
 * journal that is cut in the middle. Once with a Pass and once with a Task for the second state, which has to be on the
 * disk before it is called. Wanted: below a second, and below half a second.
 */
const items = 1_000;

for (const second of ['Pass', 'Task']) {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-bench-'));
  try {
    const journalFile = join(folder, 'journal.jsonl');
    const definition = machine(second);
    const run = await measure(() => execute(definition, journalFile));
    const journal = await readFile(journalFile);
    await writeFile(journalFile, journal.subarray(0, Math.floor(journal.length / 2)));
    const half = await measure(() => execute(definition, journalFile));
    const whole = await readFile(journalFile);
    const lastRecord = whole.subarray(0, -2).lastIndexOf(10) + 1;
    await writeFile(journalFile, whole.subarray(0, lastRecord + 20));
    const torn = await measure(() => execute(definition, journalFile));
    console.log(
      `${items} items, Pass and ${second}: run ${run} ms, resume from half ${half} ms, resume from a torn last record ${torn} ms, journal ${Math.round(journal.length / 1024)} KiB`,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return Math.round(performance.now() - began);
}

async function execute(definition: Json, journalFile: string): Promise<void> {
  const name = 'bench';
  const execution = {
    arn: 'arn:aws:states:local:000000000000:execution:bench:bench',
    name,
    machineArn: 'arn:aws:states:local:000000000000:stateMachine:bench',
    machineName: name,
    startTime: new Date().toISOString(),
    input: { items: Array.from({ length: items }, (_, id) => ({ id })) },
    roleArn: 'arn:aws:iam::000000000000:role/lifeboat',
  };
  const { status } = await runExecution({
    ...{ definition, execution, journalFile, clock: systemClock, signal: new AbortController().signal },
    integrations: async (call) => call.arguments,
    tokens: { answer: () => new Promise(() => undefined) },
  });
  if (status !== 'SUCCEEDED') throw new Error(`the machine ${status}`);
}

function machine(second: string): Json {
  const states = {
    Double: {
      Type: 'Pass',
      Output: { id: '{% $states.input.id %}', twice: '{% $states.input.id * 2 %}' },
      Next: 'Check',
    },
    Check:
      second === 'Pass'
        ? { Type: 'Pass', Output: '{% $states.input.twice + 1 %}', End: true }
        : { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', Output: '{% $states.result.twice %}', End: true },
  };
  const ItemProcessor = { StartAt: 'Double', States: states };
  const map = { Type: 'Map', Items: '{% $states.input.items %}', ItemProcessor, End: true };
  return { QueryLanguage: 'JSONata', StartAt: 'Each', States: { Each: map } };
}
