import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { localFunctions } from '#local/local-functions';

const root = fileURLToPath(new URL('../../', import.meta.url));

test('every function runs here, too, and what the rules name is one', async () => {
  const files = globSync('functions/*.ts', { cwd: root }).map((file) => basename(file, '.ts'));
  const names = Object.keys(localFunctions);
  assert.deepEqual(names.toSorted(), files.filter((name) => name !== 'edge').toSorted());
  for (const load of Object.values(localFunctions)) assert.equal(typeof (await load()).handler, 'function');
  const rules: { target: { function?: string } }[] = JSON.parse(
    readFileSync(`${root}/statemachines/rules.json`, 'utf8'),
  );
  for (const { target } of rules) assert.ok(target.function === undefined || names.includes(target.function));
});
