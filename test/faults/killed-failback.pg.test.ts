import assert from 'node:assert/strict';
import { faultTests, succeeded } from './fault-scene.ts';
import { atEachCall } from './kill-at-each-call.ts';

const test = faultTests();

test('a failback that is killed at any call, and resumed, loses nothing', async ({ world }) => {
  const away = async () => {
    if ((await world.primary())!.name === 'east') succeeded(await world.move({ planned: true }));
    return world.pair.west;
  };
  const calls = await atEachCall(world, {}, away, { machine: 'failback' }, 5);
  assert.ok(calls > 14, `it made ${calls} calls`);
});
