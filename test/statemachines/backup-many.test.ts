import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { MachineRun, type MachineRunOptions } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import { type Json, StatesError } from '#local/integration';
import { type Script, takes } from './scripted-tasks.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

interface Sources {
  /** how many each server has */
  servers: Record<string, number>;
  all?: number;
  perServer?: number;
  /** of the sources' names */
  letters?: number;
}

async function scene(
  { servers, all = 8, perServer = 1, letters = 0 }: Sources,
  script: Script = takes,
  more: Partial<MachineRunOptions> = {},
) {
  const hosts = Object.entries(servers).flatMap(([host, count]) => Array.from({ length: count }, () => host));
  const sources = hosts.map((host, number) => `${host}-${number}`.padEnd(letters, 'x'));
  const source = await StoredSource.create({ sources });
  for (const [index, { connection }] of source.plan.sources.entries()) connection.host = hosts[index]!;
  Object.assign(source.plan.concurrency, { all, perServer });
  const run = new MachineRun({ tasks: { 'base-backup': (task) => script(task, source) }, ...more, source });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  return { run, sources };
}

const hostOf = (source: Json): string => String(source).replace(/-.*$/, '');

/** How many tasks ran at the same time, at most: in all and on one server. */
function counted(): { most: Map<string, number>; script: Script } {
  const now = new Map<string, number>();
  const most = new Map<string, number>();
  const add = (name: string, one: number) => {
    now.set(name, (now.get(name) ?? 0) + one);
    most.set(name, Math.max(most.get(name) ?? 0, now.get(name)!));
  };
  const script: Script = async (task, source) => {
    const names = ['all', hostOf(task.input.source!)];
    for (const name of names) add(name, 1);
    // long enough for whoever may begin beside it
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    await takes(task, source);
    for (const name of names) add(name, -1);
  };
  return { most, script };
}

test('servers are read side by side, and each by one task at a time', async () => {
  const { most, script } = counted();
  const { run, sources } = await scene({ servers: { a: 3, b: 3, c: 2 } }, script);
  const end = await run.run('backup', {});
  assert.equal(end.status, 'SUCCEEDED', end.cause);
  const taken = (end.output as { source: string }[]).map(({ source }) => source);
  assert.deepEqual(taken.sort(), sources);
  assert.deepEqual(Object.fromEntries(most), { all: 3, a: 1, b: 1, c: 1 });
});

test('the plan says how many tasks there are in all, and on one server', async () => {
  const { most, script } = counted();
  const { run } = await scene({ servers: { a: 4, b: 4, c: 4 }, all: 3, perServer: 2 }, script);
  assert.equal((await run.run('backup', {})).status, 'SUCCEEDED');
  assert.equal(most.get('all'), 3);
  assert.ok(
    ['a', 'b', 'c'].every((host) => most.get(host)! <= 2),
    JSON.stringify([...most]),
  );
  assert.ok(
    ['a', 'b', 'c'].some((host) => most.get(host) === 2),
    JSON.stringify([...most]),
  );
});

test('a server that fails every time keeps no other from being backed up, nor its own next source', async () => {
  const { run, sources } = await scene({ servers: { a: 3, b: 2 } }, (task, source) =>
    hostOf(task.input.source!) === 'a'
      ? task.fail({ name: 'AuthenticationFailed', message: 'no' })
      : takes(task, source),
  );
  const end = await run.run('backup', {});
  assert.equal(end.error, 'BackupFailed');
  assert.deepEqual(
    end.cause!.split('\n'),
    sources.slice(0, 3).map((source) => `${source}: AuthenticationFailed: no`),
  );
  assert.deepEqual(run.notices.map(({ occasion }) => occasion).sort(), [
    ...['failure', 'failure', 'failure'],
    ...['success', 'success'],
  ]);
});

test('some sources are backed up when they are named, and with their own roles', async () => {
  const { run } = await scene({ servers: { a: 2, b: 2 } });
  const end = await run.run('backup', { sources: ['b-3', 'a-0'], type: 'incremental', requestedBy: 'ada' });
  assert.equal(end.status, 'SUCCEEDED');
  assert.deepEqual(
    run.tasks
      .map(({ input, role, resultKey, execution }) => ({ ...input, role, resultKey, execution }))
      .sort((a, b) => (a.role! < b.role! ? -1 : 1)),
    ['a-0', 'b-3'].map((source) => ({
      source,
      kind: 'incr',
      requestedBy: 'ada',
      role: `arn:aws:iam::000000000000:role/lifeboat-local-${source}`,
      resultKey: `executions/backup/run-1/base-backup-${source}.json`,
      execution: 'arn:aws:states:local:000000000000:execution:backup:run-1',
    })),
  );
  assert.ok(run.evidence.every(({ execution, who }) => execution === run.tasks[0]!.execution && who === 'ada'));
});

test('a child that dies stops no other: what nobody could tell of it is told, recorded and fails the whole', async () => {
  const dies = ({ resource, arguments: given }: { resource: string; arguments: Json }) =>
    resource === 'ecs:runTask' && JSON.stringify(given).includes('base-backup-a-1.json')
      ? new StatesError('States.Runtime', 'the child died')
      : undefined;
  const { run } = await scene({ servers: { a: 3, b: 1 } }, takes, { refuse: dies });
  const end = await run.run('backup', {});
  assert.deepEqual([end.status, end.error], ['FAILED', 'BackupFailed']);
  assert.equal(end.cause, 'a-1: nobody knows how its backup ended: States.Runtime: the child died');
  assert.deepEqual(run.tasks.map(({ input }) => input.source).sort(), ['a-0', 'a-2', 'b-3']);
  const [lost] = run.notices.filter(({ occasion }) => occasion === 'failure');
  assert.equal(lost!.what, 'nobody knows how the backups of a-1 ended: States.Runtime: the child died');
  assert.equal(run.evidence.filter(({ outcome }) => outcome === 'failed').length, 1);
});

/** What they write does not matter where a thousand sources have to be gone through. */
const idle = (answer: object) => async () => ({ handler: async () => answer });
const functions = {
  'check-lease': idle({}),
  'record-evidence': idle({}),
  'undo-backup': idle({ told: '' }),
  'confirm-backup': idle({ backup: '20261120T051345123Z-full', storedBytes: 1, title: 'committed', what: '' }),
};

test('a thousand sources that fail with many words are told as such, and not as too many words', async () => {
  const words = 'kein Platz für größere Änderungen '.repeat(100);
  const fails: Script = (task) => task.fail({ name: 'x'.repeat(200), message: words, verdict: 'operator' });
  const { run } = await scene({ servers: { a: 500, b: 500 }, all: 40, perServer: 10, letters: 63 }, fails, {
    functions,
  });
  const end = await run.run('backup', { requestedBy: 'ü'.repeat(200) });
  assert.deepEqual([end.status, end.error], ['FAILED', 'BackupFailed'], end.cause?.slice(0, 200));
  assert.ok(end.cause!.length <= 8_000);
  assert.equal(run.notices.filter(({ occasion }) => occasion === 'failure').length, 1_000);
  const told = run.notices.map(({ what }) => String(what).length);
  assert.ok(Math.min(...told) > 1_000, 'each in full');
});

test('a thousand sources are backed up by one execution', async () => {
  const scripted = { servers: { a: 500, b: 500 }, all: 40, perServer: 10, letters: 63 };
  const { run, sources } = await scene(scripted, (task) => task.leave({}), { functions });
  const end = await run.run('backup', {});
  assert.equal(end.status, 'SUCCEEDED', end.cause);
  assert.deepEqual((end.output as { source: string }[]).map(({ source }) => source).sort(), [...sources].sort());
});

test('more than a thousand are refused before anything begins', async () => {
  const { run } = await scene({ servers: { a: 1_001 } });
  const end = await run.run('backup', {});
  assert.equal(
    end.cause,
    'sources: "1001 of them" is not allowed: expected at most 1,000 in one execution\nHINT: start several, each with a part of them in "sources"',
  );
  assert.equal(run.tasks.length, 0);
});
