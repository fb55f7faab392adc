import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { edge } from '#functions/edge';
import { FunctionHost } from '#local/function-host';
import { ConnectionFailed } from '#model/failure';
import { fields } from '#model/read-input';
import { provideWorld } from '#runtime/function-world';

process.env.POWERTOOLS_LOG_LEVEL ??= 'SILENT';
provideWorld({} as never);

const context = { functionName: 'x', awsRequestId: 'y' } as never;
const handler = edge({
  name: 'x',
  input: fields({
    does: z.enum(['answer', 'fail', 'break'], 'answer, fail or break'),
    words: z.number().exactOptional(),
  }),
  async run({ does, words = 0 }) {
    if (does === 'answer') return { does };
    if (does === 'break') throw new TypeError(`oh${' "no"'.repeat(words)}`);
    throw new ConnectionFailed('no route', { operation: 'x', subject: 'y', hint: 'look at the cable' });
  },
});
const invoke = (event: unknown) => handler(event, context);

test('an event that is right is answered', async () => {
  assert.deepEqual(await invoke({ does: 'answer' }), { does: 'answer' });
});

test('a failure keeps its name, and its message has the hint once, however often it is invoked', async () => {
  const expected = { name: 'ConnectionFailed', message: 'no route\nHINT: look at the cable' };
  await assert.rejects(invoke({ does: 'fail' }), expected);
  await assert.rejects(invoke({ does: 'fail' }), expected);
});

test('a bug keeps its name', async () => {
  await assert.rejects(invoke({ does: 'break' }), { name: 'TypeError', message: 'oh' });
});

test('a failure with very many words stays JSON where Step Functions cuts it', async () => {
  const host = new FunctionHost({ x: async () => ({ handler: handler as never }) });
  const answered = await host.invoke('x', { does: 'break', words: 20_000 });
  const cause = JSON.stringify('error' in answered && answered.error);
  assert.ok(cause.length < 32_768, `${cause.length}`);
  const { errorType, errorMessage, trace } = JSON.parse(cause);
  assert.equal(errorType, 'TypeError');
  assert.match(errorMessage, /^oh "no".*…$/);
  assert.match(trace[0], /^TypeError: oh/);
});

const wrong: [event: unknown, message: string][] = [
  [{ does: 'anser' }, 'does: "anser" is not allowed: expected answer, fail or break\nHINT: did you mean "answer"?'],
  [{}, 'does: nothing is not allowed: expected answer, fail or break'],
  [{ does: 'fail', doe: 1 }, 'doe: 1 is not allowed: expected only the fields does, words\nHINT: did you mean "does"?'],
  [null, 'input: null is not allowed: expected a map with the fields does, words'],
];
for (const [event, message] of wrong) {
  test(`the event ${JSON.stringify(event)} is refused by name`, async () => {
    await assert.rejects(invoke(event), { name: 'InputInvalid', message });
  });
}
