import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isRunning } from '#recovery/running-clusters';

describe('a folder is in use', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'lifeboat-running-'));
    mkdirSync(join(folder, 'place'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('by a process whose number stands in it, and not by one that is gone', () => {
    writeFileSync(join(folder, 'place', 'postmaster.pid'), `${process.pid}\n`);
    assert.equal(isRunning(join(folder, 'place')), true);
    writeFileSync(join(folder, 'place', 'postmaster.pid'), '4194304\n');
    assert.equal(isRunning(join(folder, 'place')), false);
    rmSync(join(folder, 'place', 'postmaster.pid'));
    assert.equal(isRunning(join(folder, 'place')), false);
  });

  test('or not, also while servers elsewhere begin and end', async () => {
    // writes and removes its own postmaster.pid as fast as it can
    const program = `const fs = require('node:fs');
      for (const until = Date.now() + 1500; Date.now() < until; ) {
        fs.writeFileSync('postmaster.pid', process.pid + '\\n');
        fs.rmSync('postmaster.pid');
      }`;
    const busy = mkdtempSync(join(folder, 'busy-'));
    const child = spawn(process.execPath, ['-e', program], { cwd: busy, stdio: 'inherit' });
    const ended = once(child, 'exit');
    let looks = 0;
    for (; child.exitCode === null; looks++) {
      assert.equal(isRunning(join(folder, 'place')), false);
      if (looks % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(await ended, [0, null]);
    assert.ok(looks > 0);
  });
});
