import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const unit = read('docs/lifeboat.service');

test('docs/operating.md shows docs/lifeboat.service as it is', () => {
  const shown = unit
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '' : `    ${line}`))
    .join('\n');
  assert.ok(
    read('docs/operating.md').includes(`\n\n${shown}\n\n`),
    'copy docs/lifeboat.service into docs/operating.md, each line behind four spaces',
  );
});

test('what the unit starts is there', () => {
  const [, ...words] = /^ExecStart=(.*)$/m.exec(unit)![1]!.split(' ');
  const [program] = words;
  assert.ok(existsSync(new URL(program!.replace('/opt/lifeboat/', ''), root)), program);
});

test('the unit leaves what tasks need that run on when the daemon stops', () => {
  assert.match(unit, /^KillMode=process$/m);
  assert.doesNotMatch(unit, /^(?:PrivateTmp|DynamicUser|LoadCredential|RuntimeDirectory)=/m);
});
