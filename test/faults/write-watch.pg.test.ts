import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { machineInstallation } from '#harness/postgres-installations';
import { ReplicatedPair } from '#harness/replicated-pair';
import { WriteWatch } from './write-watch.ts';

test('two primaries are seen, and stay seen when what one of them took is lost', async () => {
  const pair = await ReplicatedPair.create(machineInstallation());
  await pair.east.query('create table watched (row bigint primary key)');
  await pair.untilCaughtUp();
  const watch = new WriteWatch(pair.sites, 'east');
  const taken = async (site: string) => {
    const before = watch.acknowledged.length;
    while (!watch.acknowledged.slice(before).some((row) => row.site === site)) await sleep(10);
  };
  try {
    await taken('east');
    assert.deepEqual(watch.byTwoPrimaries, []);
    // as nobody may: the old primary is not fenced
    watch.promoting('west');
    await pair.west.query('select pg_promote()');
    await taken('west');
    await taken('east');
    const seen = watch.byTwoPrimaries.length;
    assert.ok(seen > 0 && watch.byTwoPrimaries.every(({ site }) => site === 'east'));
    await pair.east.kill();
    assert.ok((await watch.lost(pair.west)).length > 0);
    await watch.forgetLost(pair.west);
    assert.deepEqual(await watch.lost(pair.west), []);
    assert.ok(watch.byTwoPrimaries.length >= seen);
  } finally {
    await watch.end();
    await pair.remove();
  }
});
