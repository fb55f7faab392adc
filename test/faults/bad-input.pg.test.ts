import assert from 'node:assert/strict';
import type { Json } from '#local/integration';
import { failedWith, faultTests, nextMoveWorks, primaryIs, succeeded } from './fault-scene.ts';

/* What somebody types who is in a hurry. Nothing of it moves anything. */

const test = faultTests();

const refused: [
  what: string,
  machine: 'failover' | 'failback',
  input: Record<string, Json>,
  error: string,
  words: RegExp,
][] = [
  ['a group that is not in the plan', 'failover', { group: 'shpo' }, 'InputInvalid', /group.*shpo.*shop/s],
  ['a group that is not in the plan', 'failback', { group: 'shpo' }, 'InputInvalid', /group.*shpo.*shop/s],
  ['a site that is not in the group', 'failover', { to: 'nroth' }, 'InputInvalid', /to.*nroth.*east, west/s],
  ['a field that is none', 'failover', { plannd: true }, 'InputInvalid', /plannd/],
  ['a field that is none', 'failback', { force: true }, 'InputInvalid', /force/],
  ['planned and forced', 'failover', { planned: true, force: true }, 'InputInvalid', /force.*planned/s],
  ['a yes that is a word', 'failover', { planned: 'yes' }, 'InputInvalid', /planned/],
];
for (const [what, machine, input, error, words] of refused)
  test(`${machine} refuses ${what}: ${JSON.stringify(input)}`, async ({ world, primary }) => {
    const end = await world.move(input, { machine });
    failedWith(world, end, error, words);
    await primaryIs(world, primary);
  });

test('a planned move of a dead primary is refused, and says what to do instead', async ({ world, primary }) => {
  await primary.kill();
  const end = await world.move({ planned: true });
  failedWith(world, end, 'NotReady', /a planned move needs a primary that answers/, /nothing was touched/);
  await primary.start();
});

test('a move to where the primary is moves no primary', async ({ world, primary, standby }) => {
  const { output } = succeeded(await world.move({ to: primary.name }));
  assert.equal((output as { mode: string }).mode, 'finish');
  assert.equal(await standby.value('select pg_is_in_recovery()'), 't');
  await primaryIs(world, primary);
});

test('a failback of a primary that is at home says so, and that nothing is to be done', async ({ world, primary }) => {
  assert.equal(primary.name, 'east');
  const end = await world.move({}, { machine: 'failback' });
  failedWith(world, end, 'NotReady', /the primary is at east already/);
  await primaryIs(world, primary);
});

test('after all of it a planned move works, and loses nothing', nextMoveWorks);
