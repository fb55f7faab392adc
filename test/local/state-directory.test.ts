import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { openStateDirectory } from '#local/state-directory';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-state-'));
after(() => rmSync(folder, { recursive: true }));

describe('a state directory', () => {
  test('is made with all that is in it for its owner alone', async () => {
    const state = await openStateDirectory(join(folder, 'new', 'state'));
    for (const path of [state.path, state.executions, state.tasks, state.tokens, state.events, state.notices]) {
      assert.equal(statSync(path).mode & 0o777, 0o700, path);
    }
  });

  test('that others may write to is refused, with what to do', async () => {
    const path = join(folder, 'open');
    await openStateDirectory(path);
    for (const mode of [0o770, 0o777, 0o702]) {
      chmodSync(path, mode);
      await assert.rejects(openStateDirectory(path), {
        name: 'InputInvalid',
        message: /^--state: .*nobody but its owner/,
      });
    }
    chmodSync(path, 0o755);
    await openStateDirectory(path);
  });
});
