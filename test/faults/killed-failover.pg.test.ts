import assert from 'node:assert/strict';
import { faultTests } from './fault-scene.ts';
import { atEachCall } from './kill-at-each-call.ts';

const test = faultTests();

test('a failover that is killed at any call, and resumed, comes to the same end', async ({ world }) => {
  const died = async () => {
    const primary = (await world.primary())!;
    await primary.stop(); // its machine is off; one that diverges has to be rewound each time, which is shown elsewhere
    return primary;
  };
  const calls = await atEachCall(world, {}, died);
  assert.ok(calls > 10, `it made ${calls} calls`);
});
