import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { machineInstallation } from '#harness/postgres-installations';
import { findClientPrograms } from '#runtime/find-program';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-programs-'));
after(() => rmSync(folder, { recursive: true }));

/** A folder with programs that say they are of that version. */
function programs(name: string, version: string, names = ['pg_dump', 'pg_dumpall', 'pg_restore']): string {
  const binDir = join(folder, name);
  mkdirSync(binDir);
  for (const each of names) {
    writeFileSync(join(binDir, each), `#!/bin/sh\necho "${each} (PostgreSQL) ${version}"\n`, { mode: 0o755 });
  }
  return binDir;
}

const { major, binDir: packaged } = machineInstallation();
const later = programs('later', `${major + 5}.2`);
const older = programs('older', `${major - 5}.9`);
const half = programs('half', `${major + 9}.1`, ['pg_dump']);

test('what packages put here is found without being told, and says its version', async () => {
  const found = await findClientPrograms(major, { PATH: '' });
  assert.ok('folder' in found);
  assert.deepEqual([found.folder, found.major], [packaged, major]);
  assert.match(found.version, /^pg_dump \(PostgreSQL\) \d+/);
});

test('the folder that somebody names comes first, unless its programs are too old or not all there', async () => {
  const named = async (LIFEBOAT_BIN_DIR: string) => {
    const found = await findClientPrograms(major, { LIFEBOAT_BIN_DIR, PATH: '' });
    return 'folder' in found && found.folder;
  };
  assert.equal(await named(later), later);
  assert.equal(await named(older), packaged);
  assert.equal(await named(half), packaged);
  assert.equal(await named(join(folder, 'nothing')), packaged);
});

test('PATH is looked at where packages have none that is new enough', async () => {
  const found = await findClientPrograms(major + 1, { PATH: `${half}:${older}:${later}` });
  assert.equal('folder' in found && found.version, `pg_dump (PostgreSQL) ${major + 5}.2`);
});

test('without any, those there are are told', async () => {
  const found = await findClientPrograms(major + 6, { LIFEBOAT_BIN_DIR: later, PATH: older });
  assert.ok('found' in found);
  assert.deepEqual(
    found.found.map((programs) => programs.major),
    [major + 5, major, major - 5],
  );
});
