import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { configureStandby, withStandbySettings } from '#tasks/configure-standby';
import { keepSettings, putBackSettings } from '#tasks/own-settings';

let folder: string;
const at = (...names: string[]) => join(folder, ...names);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lifeboat-standby-'));
  mkdirSync(at('data'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('what led elsewhere goes, what else is set stays, and doing it again changes nothing', () => {
  const before =
    "work_mem = '1MB'\nprimary_conninfo = 'host=old'\nrecovery_target_time = 'x'\nRestore_Command = 'cp'\n";
  const once = withStandbySettings(before, { primary_conninfo: "host='west'" });
  assert.equal(once, "work_mem = '1MB'\n\n# lifeboat rebuild: whom to follow\nprimary_conninfo = 'host=''west'''\n");
  assert.equal(withStandbySettings(once, { primary_conninfo: "host='west'" }), once);
});

test('a copy that waits to be promoted becomes a standby, and its target is gone wherever it stood', async () => {
  writeFileSync(at('data', 'recovery.signal'), '');
  writeFileSync(at('data', 'postgresql.conf'), "recovery_target = 'immediate'\nport = 1\n");
  await configureStandby(at('data'), { primary_slot_name: 'lifeboat_east' });
  assert.deepEqual(readdirSync(at('data')).sort(), ['postgresql.auto.conf', 'postgresql.conf', 'standby.signal']);
  assert.match(readFileSync(at('data', 'postgresql.conf'), 'utf8'), /^# .*recovery_target = 'immediate'\nport = 1\n$/);
  assert.match(readFileSync(at('data', 'postgresql.auto.conf'), 'utf8'), /primary_slot_name = 'lifeboat_east'/);
});

test("a site's own files come back as they were, and the other site's go", () => {
  const own = { 'postgresql.conf': 'own', 'pg_hba.conf': 'own', 'server.key': 'own', 'postmaster.opts': 'own' };
  for (const [name, text] of Object.entries(own)) writeFileSync(at('data', name), text);
  mkdirSync(at('data', 'conf.d'));
  writeFileSync(at('data', 'conf.d', 'a.conf'), 'own');
  for (const name of ['base', 'pg_wal', 'global']) mkdirSync(at('data', name));
  writeFileSync(at('data', 'standby.signal'), '');
  keepSettings(at('data'), at('kept'));
  assert.deepEqual(readdirSync(at('kept')).sort(), ['conf.d', ...Object.keys(own)].sort());
  for (const name of Object.keys(own)) writeFileSync(at('data', name), 'other');
  writeFileSync(at('data', 'other.conf'), 'other');
  rmSync(at('data', 'conf.d'), { recursive: true });
  keepSettings(at('data'), at('kept')); // an attempt that goes on where another was killed
  assert.ok(putBackSettings(at('kept'), at('data'), undefined));
  for (const name of Object.keys(own)) assert.equal(readFileSync(at('data', name), 'utf8'), 'own');
  assert.equal(readFileSync(at('data', 'conf.d', 'a.conf'), 'utf8'), 'own');
  assert.ok(!existsSync(at('data', 'other.conf')) && existsSync(at('data', 'pg_wal')));
  assert.equal(putBackSettings(at('none'), at('data'), undefined), false);
});
