import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { readDumpCatalog } from '#catalog/dumps';
import { acquireLease, readLease } from '#catalog/lease';
import { printLease } from '#catalog/lease-state';
import { ecsFailure } from '#harness/ecs-failure';
import { MachineRun, type MachineRunOptions } from '#harness/machine-run';
import { storedDump } from '#harness/stored-dump';
import { StoredSource } from '#harness/stored-source';
import { StatesError } from '#local/integration';
import type { DumpId } from '#model/dump-id';
import { firingName } from '#model/planned-schedules';
import { dumpManifestKey, dumpObjectKey, leaseKey } from '#store/bucket-layout';
import { dumpResult, dumps, provesDump, type Script } from './scripted-tasks.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

interface Scripts {
  dump?: Script;
  prove?: Script;
}

async function scene(
  { dump = dumps, prove = provesDump() }: Scripts = {},
  more: Partial<MachineRunOptions> & { sources?: string[] } = {},
) {
  const source = await StoredSource.create({ sources: more.sources ?? ['main'] });
  const tasks: MachineRunOptions['tasks'] = {
    dump: (task) => dump(task, source),
    'prove-dump': (task) => prove(task, source),
  };
  const run = new MachineRun({ ...more, tasks, source });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  const entries = async () => (await readDumpCatalog(source.store, 'main')).dumps;
  return { source, run, entries };
}

const told = (run: MachineRun) => run.notices.map(({ occasion, title }) => `${occasion}: ${title}`);

test('a dump is taken under the role of its source, restored for a look, catalogued, recorded and told', async () => {
  const { run, entries } = await scene();
  const end = await run.run('dump', { requestedBy: 'ada' });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  const [entry, ...others] = await entries();
  assert.deepEqual([entry!.state, entry!.databases, others], ['proven', ['shop'], []]);
  const { source, dump, verdict, proof } = end.output as Record<string, string>;
  assert.deepEqual([source, dump, verdict], ['main', entry!.dump, 'proven']);
  assert.match(proof!, new RegExp(`^catalog/main/dump-proofs/${dump}/`));
  assert.deepEqual(
    run.tasks.map(({ name, input, role, resultKey }) => ({ name, input, role, resultKey })),
    [
      {
        name: 'dump',
        input: { source: 'main', schemaOnly: false, requestedBy: 'ada' },
        role: 'arn:aws:iam::000000000000:role/lifeboat-local-main',
        resultKey: 'executions/dump/run-1/dump-main.json',
      },
      {
        name: 'prove-dump',
        input: { source: 'main', dump, restore: true, requestedBy: 'ada' },
        role: undefined,
        resultKey: 'executions/dump/run-1/prove-dump.json',
      },
    ],
  );
  assert.deepEqual(told(run), [`success: dump ${dump} of main is proven`]);
  assert.match(run.notices[0]!.what as string, /^shop: .* dumped in .*\n.*3 tables; 1 check is as it should be$/);
  assert.deepEqual(
    run.evidence.map(({ who, what, source: of, outcome }) => ({ who, what, of, outcome })),
    [
      {
        ...{ who: 'ada', of: 'main', outcome: 'succeeded' },
        what: `dump ${dump} of main is committed; dump ${dump} of main is proven`,
      },
    ],
  );
});

test('where the plan wants no restore, a dump is read back and counts as verified', async () => {
  const { run, source, entries } = await scene();
  Object.assign(source.plan.sources[0]!.dump, { restoreTest: false, schemaOnly: true });
  const end = await run.run('dump', {});
  assert.equal((end.output as { verdict: string }).verdict, 'verified', JSON.stringify(end));
  assert.equal((await entries())[0]!.state, 'verified');
  assert.equal((await entries())[0]!.kind, 'schema');
  assert.deepEqual(
    run.tasks.map(({ input }) => input.restore ?? input.schemaOnly),
    [true, false],
  );
});

test('who asks for definitions alone gets them, whatever the plan says', async () => {
  const { run, entries } = await scene();
  await run.run('dump', { schemaOnly: true });
  assert.match((await entries())[0]!.dump, /-schema$/);
});

describe('a dump that fails', () => {
  const fails: Script = (task) =>
    task.fail({
      name: 'ServerUnsuitable',
      message: 'it is too new',
      hint: 'take a newer pg_dump',
      verdict: 'operator',
    });

  test('is told and recorded with its reason and hint, and nothing is proven', async () => {
    const { run, entries } = await scene({ dump: fails });
    const end = await run.run('dump', {});
    assert.deepEqual([end.status, end.error], ['FAILED', 'DumpFailed']);
    assert.equal(end.cause, 'ServerUnsuitable: it is too new\nHINT: take a newer pg_dump');
    assert.deepEqual(told(run), ['failure: the dump of main failed: DumpFailed']);
    const [{ todo, dedupe }] = run.notices as [Record<string, string>];
    assert.deepEqual([todo, dedupe], ['take a newer pg_dump', 'dump main']);
    assert.deepEqual(
      run.evidence.map(({ outcome, what }) => [outcome, what]),
      [['failed', 'dump of main: DumpFailed: ServerUnsuitable: it is too new']],
    );
    assert.deepEqual([run.tasks.length, await entries()], [1, []]);
  });

  test('gives the lease back that its task died with, and nobody else’s', async () => {
    const leaves =
      (execution?: string): Script =>
      async (task, { store }) => {
        const lease = printLease({
          ...{ holder: 'it died', host: 'task', pid: 1, execution: execution ?? task.execution, renewals: 0 },
          ...{ acquiredAt: new Date().toISOString(), expiresAt: '2999-01-01T00:00:00.000Z', durationMs: 60_000 },
          released: false,
        });
        await store.put(leaseKey('main', 'dump'), lease);
        return fails(task, undefined as never);
      };
    const own = await scene({ dump: leaves() });
    await own.run.run('dump', {});
    assert.equal((await readLease(own.source.store, leaseKey('main', 'dump')))?.state.released, true);
    const other = await scene({ dump: leaves('somebody else') });
    const { cause } = await other.run.run('dump', {});
    assert.equal((await readLease(other.source.store, leaseKey('main', 'dump')))?.state.released, false);
    assert.match(cause!, /somebody else has the dump lease of main, until 2999-01-01T00:00:15.000Z/);
  });

  test('names what it left, which never counts', async () => {
    const { run, source } = await scene({
      async dump(task, { store, now }) {
        const id = `${now.toISOString().replace(/[-:.]/g, '')}-dump` as DumpId;
        await store.put(dumpObjectKey('main', id, '0000.dump.000000'), Buffer.alloc(3));
        return task.fail({ name: 'ServerError', message: 'no', verdict: 'permanent' });
      },
    });
    const { cause } = await run.run('dump', {});
    assert.match(cause!, /\n\d{8}T\d{9}Z-dump was begun and never counts; expiry removes what is stored of it$/);
    assert.ok(source);
  });

  test('is tried again where that may help, and not otherwise', async () => {
    let attempts = 0;
    const { run } = await scene({
      dump(task, source) {
        if (++attempts === 3) return dumps(task, source);
        return task.fail({ name: 'ConnectionFailed', message: 'no', verdict: 'retry' });
      },
    });
    assert.equal((await run.run('dump', {})).status, 'SUCCEEDED');
    assert.deepEqual(
      run.tasks.map(({ name }) => name),
      ['dump', 'dump', 'dump', 'prove-dump'],
    );
  });

  test('and one that says something else than its manifest is not believed', async () => {
    const { run, entries } = await scene({
      dump: async (task, source) =>
        task.leave({
          ...dumpResult(await storedDump(source, { execution: task.execution, catalogued: false })),
          rawBytes: 1,
        }),
    });
    const end = await run.run('dump', {});
    assert.match(end.cause!, /^BackupIncomplete: dump \S+ is not what its task says: rawBytes is 1010, expected 1\n/);
    assert.deepEqual(await entries(), []);
  });

  test('and one whose manifest is gone, neither', async () => {
    const { run } = await scene({
      async dump(task, source) {
        const manifest = await storedDump(source, { execution: task.execution, catalogued: false });
        await source.store.delete(dumpManifestKey('main', manifest.dump));
        return task.leave(dumpResult(manifest));
      },
    });
    assert.match((await run.run('dump', {})).cause!, /^InputInvalid: /);
  });
});

describe('a dump that is committed', () => {
  test('and cannot be restored is broken: told with why, and what to do', async () => {
    const failure = { name: 'RestoreFailed', message: 'there is no extension postgis in it' };
    const { run, entries } = await scene({
      prove: provesDump({ ok: false, verdict: 'broken', restored: false, failure }),
    });
    const end = await run.run('dump', {});
    const [{ dump, state, failure: why }] = (await entries()) as [Awaited<ReturnType<typeof entries>>[0]];
    assert.deepEqual([end.error, state, why], ['DumpBroken', 'broken', failure.message]);
    assert.match(end.cause!, new RegExp(`^dump ${dump} of main is BROKEN\nRestoreFailed: there is no extension`));
    assert.match(end.cause!, /\nHINT: take another dump now: `lifeboat dump main`$/);
    assert.deepEqual(told(run), ['failure: the dump of main failed: DumpBroken']);
  });

  test('and could not be looked at stays as it was, and is told with what stood in the way', async () => {
    const { run, entries } = await scene({
      prove: (task) => task.fail({ name: 'RestoreFailed', message: 'no disk', verdict: 'operator' }),
    });
    const end = await run.run('dump', {});
    const [{ dump, state, failure }] = (await entries()) as [Awaited<ReturnType<typeof entries>>[0]];
    assert.deepEqual([end.error, state, failure], ['DumpUnproven', 'committed', null]);
    assert.equal(end.cause, `RestoreFailed: no disk\ndump ${dump} is committed all the same`);
    assert.deepEqual(told(run), ['failure: the dump of main failed: DumpUnproven']);
  });

  test('is proven in the end where the look was interrupted', async () => {
    let attempts = 0;
    const { run, entries } = await scene({
      prove(task, source) {
        if (++attempts < 3) throw ecsFailure({}, 'Your Spot Task was interrupted.');
        return provesDump()(task, source);
      },
    });
    assert.equal((await run.run('dump', {})).status, 'SUCCEEDED');
    assert.deepEqual([attempts, (await entries())[0]!.state], [3, 'proven']);
  });

  test('and proven, of which there can be no evidence, is told as what it is', async () => {
    const refused = new StatesError('StoreRefused', 'no right');
    const { run, entries } = await scene(
      {},
      { refuse: ({ state }) => (state === 'Record the dump' ? refused : undefined) },
    );
    const end = await run.run('dump', {});
    assert.deepEqual([end.error, (await entries())[0]!.state], ['DumpUnrecorded', 'proven']);
  });

  test('is not taken for proven by the result of another one', async () => {
    const { run, entries } = await scene({ prove: provesDump({ dump: '20200101T000000000Z-dump' }) });
    const end = await run.run('dump', {});
    assert.deepEqual([end.error, (await entries())[0]!.state], ['DumpUnproven', 'committed']);
    assert.match(end.cause!, /^ObjectDamaged: .* tells of main\/20200101T000000000Z-dump and not of main\//);
  });
});

describe('a scheduled dump', () => {
  test('that was taken is not taken again, whatever the second execution is called and the catalog knows', async () => {
    const { run, source, entries } = await scene();
    const due = source.now;
    const input = { source: 'main', scheduledTime: due.toISOString().replace(/\.\d+/, '') };
    assert.equal((await run.run('dump', input, firingName('dump-main', due))).status, 'SUCCEEDED');
    const { dump } = (await entries())[0]!;
    await source.store.delete('catalog/main/dumps.json');
    const again = await run.run('dump', input, 'by-hand');
    assert.deepEqual(again.output, { source: 'main', dump, verdict: null, proof: null }, JSON.stringify(again));
    assert.deepEqual(
      run.tasks.map(({ name }) => name),
      ['dump', 'prove-dump'],
    );
  });

  test('is a new one at the next firing, or when a person asks', async () => {
    const { run, source, entries } = await scene();
    for (const name of ['one', 'two']) {
      const due = source.now;
      await run.run('dump', { source: 'main', scheduledTime: due.toISOString() }, firingName(`dump-main`, due));
      source.pass(60);
      await run.run('dump', { source: 'main' }, name);
    }
    assert.equal((await entries()).length, 4);
  });
});

test('somebody who dumps the source just now is waited for, ten minutes', async () => {
  const { run, source } = await scene();
  const lease = await acquireLease(source.store, 'main', 'dump', {
    holder: { host: 'other', pid: 7 },
    durationMs: 86_400_000,
    now: () => source.now,
  });
  const end = await run.run('dump', {});
  assert.match(end.cause!, /^LeaseHeld: /);
  assert.equal(run.tasks.length, 0);
  await lease.release();
  assert.equal((await run.run('dump', {}, 'later')).status, 'SUCCEEDED');
});

test('a large one is restored on a volume that goes with it', async () => {
  const calls: Record<string, unknown>[] = [];
  const large: Script = async (task, source) =>
    task.leave(
      dumpResult(await storedDump(source, { execution: task.execution, sizeBytes: 500 * 2 ** 30, catalogued: false })),
    );
  const { run } = await scene(
    { dump: large },
    {
      refuse(call) {
        if (call.resource === 'ecs:runTask') calls.push(call.arguments as Record<string, unknown>);
        return undefined;
      },
    },
  );
  assert.equal((await run.run('dump', {})).status, 'SUCCEEDED');
  assert.deepEqual(
    calls.map(({ TaskDefinition }) => TaskDefinition),
    ['DumpTaskArn', 'ProveDumpVolumeTaskArn'],
  );
  const [volume] = calls[1]!.VolumeConfigurations as [{ ManagedEBSVolume: Record<string, unknown> }];
  assert.equal(volume.ManagedEBSVolume.SizeInGiB, 620);
});

const wrongInputs: [input: unknown, message: RegExp][] = [
  [{ source: 'mian' }, /did you mean "main"/],
  [{ schemaOnly: 'yes' }, /^schemaOnly: "yes" is not allowed/],
  [{ what: 1 }, /^what: 1 is not allowed: expected only the fields source, schemaOnly, requestedBy, scheduledTime$/],
  ['x', /^input: "x"/],
];
for (const [input, message] of wrongInputs) {
  test(`input ${JSON.stringify(input)} is refused by name, and told`, async () => {
    const { run } = await scene();
    const end = await run.run('dump', input as never);
    assert.equal(end.error, 'InputInvalid');
    assert.match(end.cause!, message);
    assert.deepEqual([run.tasks.length, run.notices.length], [0, 1]);
  });
}

test('with several sources, one has to be named', async () => {
  const { run } = await scene({}, { sources: ['main', 'orders'] });
  assert.match(
    (await run.run('dump', {})).cause!,
    /^source: .* one of the plan's sources with a connection: main, orders/,
  );
});

test('each function may be invoked twice: it leaves the same', async () => {
  const scripts: Scripts[] = [
    {},
    { dump: (task) => task.fail({ verdict: 'operator' }) },
    { prove: provesDump({ ok: false, verdict: 'broken' }) },
    { prove: (task) => task.fail({ verdict: 'operator' }) },
  ];
  for (const script of scripts) {
    const leaves = async (twice: boolean) => {
      const { run, source } = await scene(script, { twice });
      const { status, error } = await run.run('dump', {});
      const keys: string[] = [];
      for await (const { key } of source.store.list('')) keys.push(key.replaceAll(/\d{8}T\d{9}Z|[0-9a-f]{64}/g, '…'));
      return { status, error, keys };
    };
    const once = await leaves(false);
    assert.deepEqual(await leaves(true), once);
    assert.ok(once.keys.some((key) => key.startsWith('evidence/')));
  }
});

test('it fails when its tasks did nothing, because an execution had its name months ago', async () => {
  const { run, source, entries } = await scene();
  assert.equal((await run.run('dump', {})).status, 'SUCCEEDED');
  source.pass(100 * 24 * 60);
  const later = new MachineRun({ source, tasks: { dump: () => assert.fail('a second dump') } });
  cleanups.push(() => later.remove());
  const { status, cause } = await later.run('dump', {});
  assert.equal(status, 'FAILED');
  assert.match(cause!, /is of an execution of the same name before this one/);
  assert.equal((await entries()).length, 1);
});
