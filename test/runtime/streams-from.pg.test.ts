import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerAnswer } from '#failover/site-facts';
import { streamsFrom } from '#failover/streams-from';
import { embeddedInstallation } from '#harness/postgres-installations';
import { siteScene } from './site-scene.ts';

type Answer = Extract<ServerAnswer, { state: 'answers' }>;

test('a primary and its standby know each other by the slot, and without one by the name', async (t) => {
  const { pair, east, west, eastServer, westServer, signal } = await siteScene(t, embeddedInstallation());
  const look = async () => {
    await pair.untilCaughtUp();
    const looks = await Promise.all([eastServer.look(signal), westServer.look(signal)]);
    return looks.map(({ server }) => server) as [Answer, Answer];
  };
  const [primary, standby] = await look();
  assert.equal(standby.follows?.slot, 'lifeboat_west');
  assert.equal(streamsFrom(primary, standby), true);
  assert.equal(streamsFrom({ ...primary, followers: [] }, standby), false);
  await west.query("alter system set primary_slot_name = ''");
  await west.stop();
  await west.start();
  const [, unslotted] = await look();
  assert.equal(unslotted.follows?.slot, null);
  assert.ok(unslotted.follows?.name, 'it has a name all the same');
  assert.equal(streamsFrom((await look())[0], unslotted), true);
  await east.query('select 1');
});
