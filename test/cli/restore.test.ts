import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runLifeboat } from '#harness/run-lifeboat';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-restore-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'bucket'));

function restore(more: string, ...args: string[]) {
  const plan = join(folder, 'plan.yml');
  const source = 'sources:\n  main: { kind: postgres, connection: { host: /nowhere, user: postgres } }\n';
  writeFileSync(plan, `bucket: ${join(folder, 'bucket')}\nencryption: none\n${source}${more}`);
  return runLifeboat(['restore', '--plan', plan, '--to', join(folder, 'restored'), ...args]);
}

for (const more of ['approvers: [{ name: Ada }]\n', 'fourEyes: true\n']) {
  test(`a plan with ${more.trim()} is not passed over because no daemon is there to ask`, async () => {
    const { exitCode, stderr } = await restore(more);
    assert.match(stderr, /the plan wants (Ada to be asked|four eyes) before a restore, and no daemon answers/);
    assert.match(stderr, /add --direct/);
    assert.equal(exitCode, 10);
  });

  test(`a plan with ${more.trim()} restores without asking where somebody says so, and shows what it would do`, async () => {
    for (const flag of ['--direct', '--dry-run']) {
      const { exitCode, stderr } = await restore(more, flag);
      assert.equal(exitCode, 3, stderr); // nothing is stored
    }
  });
}

test('a plan that wants nobody asked restores at once', async () => {
  assert.equal((await restore('')).exitCode, 3);
});
