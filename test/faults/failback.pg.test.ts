import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ReplicatedSite } from '#harness/replicated-site';
import { isSegmentName } from '#model/wal-segment';
import { cutReceiver, failedWith, faultTests, primaryIs, succeeded } from './fault-scene.ts';

/* The way home, after what usually was before it. */

const test = faultTests();

test('a diverged old primary is brought home, loses nothing of the new one, and what it alone had is kept and can be found', async (scene) => {
  const { world, primary: east, standby: west } = scene;
  assert.equal(east.name, 'east');
  await cutReceiver(scene);
  await east.query("create table alone as select 'never-replicated-' || n as text from generate_series(1, 3) n");
  await east.kill();
  succeeded(await world.move());
  await world.watch.forgetLost(west);
  succeeded(await world.move({}, { machine: 'failback' }));
  assert.deepEqual(await world.watch.lost(east), []);
  assert.equal(await east.value("select to_regclass('alone') is null"), 't', 'it went the way of the new primary');
  await primaryIs(world, east);
  const [kept] = keptAside(east);
  assert.ok(kept, 'nothing is kept aside');
  const wal = readdirSync(kept).filter(isSegmentName);
  const bytes = Buffer.concat(wal.map((name) => readFileSync(join(kept, name))));
  for (const n of [1, 2, 3]) assert.ok(bytes.includes(`never-replicated-${n}`), `row ${n} is in no segment of ${kept}`);
  const told = /^ {4}(pg_waldump.*)$/m.exec(readFileSync(join(kept, 'README'), 'utf8'))![1]!;
  if (existsSync(join(east.binDir, 'pg_waldump'))) assert.match(waldump(east, kept, told), /desc: COMMIT/);
});

test('a failback of a primary that is at home, whose other site died, makes that one a standby again', async ({
  world,
  primary: east,
  standby: west,
}) => {
  succeeded(await world.move({ planned: true }));
  await west.kill();
  succeeded(await world.move());
  assert.equal(west.running(), false);
  await primaryIs(world, east);
  succeeded(await world.move({}, { machine: 'failback' }));
  assert.equal(await west.value('select pg_is_in_recovery()'), 't');
  assert.equal(await east.value("select count(*) from pg_stat_replication where state = 'streaming'"), '1');
  await primaryIs(world, east);
});

test('a failback of a primary that is at home with a standby of it says that nothing is to be done', async ({
  world,
  primary: east,
}) => {
  failedWith(
    world,
    await world.move({}, { machine: 'failback' }),
    'NotReady',
    /the primary is at east already, and west is its standby/,
  );
  await primaryIs(world, east);
});

test('a failback that is rejected leaves the primary where it is, and can be asked for again', async ({
  world,
  primary: east,
  standby: west,
}) => {
  succeeded(await world.move({ planned: true }));
  const asked = world.move(
    {},
    {
      machine: 'failback',
      asked: (question) => question.answer({ decision: 'reject', by: 'Grace' }).then(() => undefined),
    },
  );
  failedWith(world, await asked, 'FailoverRejected', /rejected by Grace/);
  assert.equal(await east.value('select pg_is_in_recovery()'), 't', 'it stays the standby that it was made');
  await primaryIs(world, west);
  succeeded(await world.move({}, { machine: 'failback' }));
  await primaryIs(world, east);
});

const keptAside = ({ dataDir }: ReplicatedSite): string[] =>
  readdirSync(dirname(dataDir))
    .filter((name) => name.startsWith('data.diverged-'))
    .map((name) => join(dirname(dataDir), name));

function waldump({ binDir }: ReplicatedSite, folder: string, command: string): string {
  const [, start] = /--start (\S+)/.exec(command)!;
  const [, timeline] = /--timeline (\d+)/.exec(command)!;
  const first = command.split(' ').at(-1)!;
  const args = ['--path', folder, '--timeline', timeline!, '--start', start!, first];
  // it ends with an error where the WAL does, in the middle of a segment
  return spawnSync(join(binDir, 'pg_waldump'), args, { encoding: 'utf8' }).stdout;
}
