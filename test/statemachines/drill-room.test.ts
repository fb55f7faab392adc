import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { catalogBackup, commitBackup } from '#catalog/backups';
import { ecsFailure } from '#harness/ecs-failure';
import { MachineRun } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import { StatesError } from '#local/integration';
import { backupId } from '#model/backup-id';
import type { Manifest } from '#model/manifest';
import { shows } from './scripted-tasks.ts';

/* Where drills and restores run: capacity that may be taken away for drills alone, and a volume of the size that they need. */

const gibi = 1 << 30;
const cleanups: (() => void)[] = [];
after(() => {
  for (const clean of cleanups) clean();
});

interface RunTask {
  TaskDefinition: string;
  LaunchType?: string;
  CapacityProviderStrategy?: { CapacityProvider: string }[];
  VolumeConfigurations?: { Name: string; ManagedEBSVolume: Record<string, unknown> }[];
  NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: string } };
}

/** A source with one backup, and what its machines ask ECS for. `refuse` is asked each time. */
async function scene(refuse: (calls: RunTask[]) => StatesError | undefined = () => undefined) {
  const source = await StoredSource.create();
  const calls: RunTask[] = [];
  const run = new MachineRun({
    source,
    tasks: { drill: (task) => shows()(task, source) },
    answer: () => ({ decision: 'approve', by: 'grace' }),
    refuse(call) {
      if (call.resource !== 'ecs:runTask') return undefined;
      calls.push(call.arguments as unknown as RunTask);
      return refuse(calls);
    },
  });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  return { source, run, calls };
}

/** The same backup once more, with so many bytes; with a parent, an incremental of it. */
async function larger({ store, now }: StoredSource, like: Manifest, rawBytes: number, parent?: Manifest) {
  const kind = parent ? 'incr' : 'full';
  const backup = backupId(new Date(now.getTime() + (parent ? 2 : 1)), kind);
  const manifest: Manifest = { ...like, backup, kind, parent: parent?.backup ?? null, rawBytes };
  await commitBackup(store, manifest);
  await catalogBackup(store, manifest);
  return manifest;
}

test('a small drill runs on the disk that its task has, on capacity that may be taken away', async () => {
  const { source, run, calls } = await scene();
  await source.backup();
  assert.equal((await run.run('drill', {})).status, 'SUCCEEDED');
  const [{ TaskDefinition, LaunchType, CapacityProviderStrategy, VolumeConfigurations, NetworkConfiguration }] =
    calls as [RunTask];
  assert.deepEqual(
    { TaskDefinition, LaunchType, VolumeConfigurations, CapacityProviderStrategy },
    {
      TaskDefinition: 'DrillTaskArn',
      LaunchType: undefined,
      VolumeConfigurations: undefined,
      CapacityProviderStrategy: [{ CapacityProvider: 'FARGATE_SPOT', Weight: 1 }],
    },
  );
  assert.equal(NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp, 'DISABLED');
});

test('where there is none of that capacity, or it was taken away, what is paid for in full does it', async () => {
  const none = await scene((calls) =>
    calls.length <= 3 ? new StatesError('AmazonECS.Unknown', 'Capacity is unavailable at this time') : undefined,
  );
  await none.source.backup();
  assert.equal((await none.run.run('drill', {})).status, 'SUCCEEDED');
  const providers = ({ calls }: typeof none) =>
    calls.map(({ CapacityProviderStrategy: [first] = [] }) => first?.CapacityProvider);
  assert.deepEqual(providers(none), ['FARGATE_SPOT', 'FARGATE_SPOT', 'FARGATE', 'FARGATE']);

  const interrupted = await scene();
  await interrupted.source.backup();
  let attempts = 0;
  const run = new MachineRun({
    source: interrupted.source,
    tasks: {
      async drill(task) {
        if (++attempts === 1) throw ecsFailure({}, 'Your Spot Task was interrupted.');
        return shows()(task, interrupted.source);
      },
    },
    refuse(call) {
      if (call.resource === 'ecs:runTask') interrupted.calls.push(call.arguments as unknown as RunTask);
      return undefined;
    },
  });
  cleanups.push(() => run.remove());
  assert.equal((await run.run('drill', {})).status, 'SUCCEEDED');
  assert.deepEqual(providers(interrupted), ['FARGATE_SPOT', 'FARGATE']);
});

test('a large drill gets a volume that goes with it, of the size of all that is laid down', async () => {
  const { source, run, calls } = await scene();
  const full = await larger(source, await source.backup(), 500 * gibi);
  const rest = await larger(source, full, 50 * gibi, full);
  for (const [input, SizeInGiB] of [
    [{ backup: full.backup }, 620],
    [{ backup: rest.backup }, 680],
    [{}, 680],
  ] as const) {
    const { status, cause } = await run.run('drill', input, `run-${calls.length}`);
    assert.equal(status, 'SUCCEEDED', cause);
    const { TaskDefinition, VolumeConfigurations: [volume] = [] } = calls.at(-1)!;
    const { RoleArn, SizeInGiB: size, TerminationPolicy, Encrypted } = volume?.ManagedEBSVolume ?? {};
    assert.deepEqual(
      { TaskDefinition, Name: volume?.Name, RoleArn, SizeInGiB: size, TerminationPolicy, Encrypted },
      {
        ...{ TaskDefinition: 'DrillVolumeTaskArn', Name: 'work', RoleArn: 'VolumeRoleArn', SizeInGiB },
        ...{ TerminationPolicy: { DeleteOnTermination: true }, Encrypted: true },
      },
      JSON.stringify(input),
    );
  }
});

test('what is restored stays, on a volume of its own, and nothing takes its capacity away', async () => {
  const { source, run, calls } = await scene();
  await source.backup();
  await run.run('restore', { to: '/var/lib/lifeboat/orders', requestedBy: 'ada' });
  const [{ TaskDefinition, LaunchType, CapacityProviderStrategy, VolumeConfigurations }] = calls as [RunTask];
  assert.deepEqual([TaskDefinition, LaunchType, CapacityProviderStrategy], ['RestoreTaskArn', 'FARGATE', undefined]);
  assert.equal(VolumeConfigurations![0]!.Name, 'work');
  const { RoleArn, SizeInGiB, TerminationPolicy } = VolumeConfigurations![0]!.ManagedEBSVolume;
  assert.deepEqual([RoleArn, SizeInGiB, TerminationPolicy], ['VolumeRoleArn', 21, { DeleteOnTermination: false }]);
});
