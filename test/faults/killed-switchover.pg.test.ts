import assert from 'node:assert/strict';
import { faultTests } from './fault-scene.ts';
import { atEachCall } from './kill-at-each-call.ts';

const test = faultTests();

test('a switchover that is killed at any call, and resumed, loses nothing', async ({ world }) => {
  const calls = await atEachCall(world, { planned: true }, async () => (await world.primary())!);
  assert.ok(calls > 12, `it made ${calls} calls`);
});
