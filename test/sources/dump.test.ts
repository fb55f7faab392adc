import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { machineInstallation } from '#harness/postgres-installations';
import { BackupIncomplete } from '#model/failure';
import { streamDatabase, streamGlobals } from '#sources/dump';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-dump-'));
after(() => rmSync(folder, { recursive: true }));

/** PostgreSQL's pg_restore beside a pg_dump and a pg_dumpall that do this, and end as if all were well. */
function binDirWith(name: string, script: string): string {
  const binDir = join(folder, name);
  mkdirSync(binDir);
  symlinkSync(join(machineInstallation().binDir, 'pg_restore'), join(binDir, 'pg_restore'));
  for (const program of ['pg_dump', 'pg_dumpall']) {
    writeFileSync(join(binDir, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return binDir;
}

const call = (binDir: string) => ({
  binDir,
  environment: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
  signal: new AbortController().signal,
});
const app = { database: 'app', schemaOnly: false };

test('what does not begin as an archive does is none, however well pg_dump ended', async () => {
  for (const [name, script] of [
    ['nothing', ''],
    ['garbage', 'echo this is no archive'],
    ['cut', `printf 'PGDMP\\001\\016\\000\\004\\010\\001'`],
    ['much', 'yes garbage | head -c 9000000'],
  ] as const) {
    await assert.rejects(
      streamDatabase(call(binDirWith(name, script)), app, () => undefined),
      (failure: unknown) =>
        failure instanceof BackupIncomplete &&
        /table of contents of database "app" cannot be read/.test(failure.message),
      name,
    );
  }
});

test('without pg_restore nobody says that an archive can be read', async () => {
  const binDir = binDirWith('alone', 'echo x');
  rmSync(join(binDir, 'pg_restore'));
  await assert.rejects(
    streamDatabase(call(binDir), app, () => undefined),
    /cannot be read: pg_restore ended before it began/,
  );
});

test('roles without the last words of pg_dumpall are not all roles', async () => {
  const cut = call(binDirWith('roles', 'echo "CREATE ROLE one;"'));
  await assert.rejects(
    streamGlobals(cut, { database: 'postgres', passwords: true }, () => undefined),
    /ended without "-- PostgreSQL database cluster dump complete"/,
  );
});

test('where pg_dumpall connects is a name, whatever characters it has', async () => {
  const binDir = binDirWith('words', 'printf "%s\\n" "$*"; echo "-- PostgreSQL database cluster dump complete"');
  const words = async (database: string) => {
    let text = '';
    await streamGlobals(call(binDir), { database, passwords: false }, (bytes) => {
      text += bytes;
      return undefined;
    });
    return text.split('\n')[0];
  };
  const always = '--globals-only --no-password --database';
  assert.equal(await words('postgres'), `${always} dbname='postgres' --no-role-passwords`);
  assert.equal(await words("a=b's \\"), `${always} dbname='a=b\\'s \\\\' --no-role-passwords`);
});
