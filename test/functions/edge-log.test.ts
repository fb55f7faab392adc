import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { executionArn, executionEvent } from '../notify/aws-messages.ts';
import { notice } from '../notify/notice-sample.ts';
import { snsEvent } from './tell-scene.ts';

const program = fileURLToPath(new URL('edge-child.ts', import.meta.url));

/** What a function logs of these events: whole lines of JSON, what failed on the other stream. */
function logOf(...events: object[]) {
  const { stdout, stderr } = spawnSync(process.execPath, [program, JSON.stringify(events)], {
    env: { POWERTOOLS_LOG_LEVEL: 'INFO' },
    encoding: 'utf8',
  });
  const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');
  return [...linesOf(stdout), ...linesOf(stderr)].map((line) => JSON.parse(line));
}

test('each event has one line of JSON when it is done, with its request', () => {
  const lines = logOf({}, { does: 'fail' });
  assert.deepEqual(
    lines.map(({ level, message, service, function_request_id }) => [level, message, service, function_request_id]),
    [
      ['INFO', 'sample done', 'sample', 'request-1'],
      ['ERROR', 'sample failed', 'sample', 'request-1'],
    ],
  );
  assert.ok(lines.every(({ tookMs }) => Number.isInteger(tookMs) && tookMs >= 0));
  assert.deepEqual(
    [lines[1].error.name, lines[1].error.message, lines[1].error.hint],
    ['ConnectionFailed', 'no route', 'the cable'],
  );
});

const correlated: [name: string, event: object][] = [
  ['a call of a machine', { execution: executionArn, source: 'main' }],
  ['an event of an execution', executionEvent('FAILED')],
  ['a notice of a topic', snsEvent('id', JSON.stringify(notice({ execution: executionArn })))],
  ['an event of an execution that came over a topic', snsEvent('id', JSON.stringify(executionEvent('FAILED')))],
];
for (const [name, event] of correlated) {
  test(`the line of ${name} has the execution, and that of the next event has not`, () => {
    assert.deepEqual(
      logOf(event, {}).map((line) => line.correlation_id),
      [executionArn, undefined],
    );
  });
}

test('what only looks like an execution is none', () => {
  const events = [{ execution: 'main' }, { execution: 7 }, snsEvent('id', 'no JSON'), { Records: [] }];
  assert.deepEqual(
    logOf(...events).map((line) => line.correlation_id),
    [undefined, undefined, undefined, undefined],
  );
});
