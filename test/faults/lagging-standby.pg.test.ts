import assert from 'node:assert/strict';
import { cutReceiver, failedWith, faultTests, nextMoveWorks, primaryIs, type Scene, succeeded } from './fault-scene.ts';
import { sayYes } from './say-yes.ts';

/* The plan allows 256 KiB of WAL to be missing at the standby, and it lacks more. */

const test = faultTests({ lag: '256KiB' });

/** About 2 MiB of WAL, in a table that nobody asks about. */
const writeMuch = ({ primary }: Scene) =>
  primary.query(
    "create table much as select repeat('much', 500) as text from generate_series(1, 1000); drop table much",
  );

test('a standby whose replay is paused for too long is not promoted, and the numbers are said', async (scene) => {
  const { world, primary, standby } = scene;
  await standby.query('select pg_wal_replay_pause()');
  await writeMuch(scene);
  const end = await world.move();
  failedWith(
    world,
    end,
    'NotReady',
    new RegExp(`${standby.name} has replayed \\d[\\d.]* MiB less than ${primary.name}: 256 KiB may be missing`),
  );
  await standby.query('select pg_wal_replay_resume()');
  await primaryIs(world, primary);
});

test('a standby that falls behind while people are asked is not promoted after their yes', async (scene) => {
  const { world, primary, standby } = scene;
  const end = await world.move(
    {},
    {
      async asked(question) {
        await standby.query('select pg_wal_replay_pause()');
        await writeMuch(scene);
        await sayYes(question);
      },
    },
  );
  failedWith(world, end, 'PlanChanged', /has replayed .* MiB less/, /nothing was touched/);
  await standby.query('select pg_wal_replay_resume()');
  await primaryIs(world, primary);
});

test('a planned move whose standby gets nothing any more is taken back: no row is lost', async (scene) => {
  const { world, primary, standby } = scene;
  let left = 1;
  const end = await world.move(
    { planned: true },
    {
      async before({ name }) {
        if (name === 'fence-primary' && left-- === 1) await cutReceiver(scene);
      },
    },
  );
  failedWith(
    world,
    end,
    'SwitchoverIncomplete',
    new RegExp(`${standby.name} is not promoted: it has WAL up to`),
    /takes writes again/,
  );
  await primaryIs(world, primary);
  assert.deepEqual(await world.watch.lost(primary), []);
});

test('a standby that has not received too much is refused, and taken by who forces it and has a yes to that', async (scene) => {
  const { world, primary, standby } = scene;
  await cutReceiver(scene);
  await writeMuch(scene);
  const refused = new RegExp(
    `${standby.name} has received \\d[\\d.]* MiB less than ${primary.name}: 256 KiB may be missing`,
  );
  failedWith(world, await world.move(), 'NotReady', refused);
  failedWith(world, await world.move({ planned: true }), 'NotReady', /does not stream from/, /would never get all/);
  let shown = '';
  const end = await world.move(
    { force: true },
    {
      async asked(question) {
        shown = question.planText;
        await sayYes(question);
      },
    },
  );
  succeeded(end);
  assert.match(shown, /FORCED +in spite of this: /);
  assert.match(shown, refused);
  await primaryIs(world, standby);
});

test('after all of it a planned move works, and loses nothing', nextMoveWorks);
