import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { parseLsn } from '#model/lsn';
import { parseInstant } from '#model/recovery-target';
import {
  printSettings,
  type ReplaySettings,
  recoverySettings,
  shellCommand,
  supersededSettings,
  withoutSettings,
} from '#recovery/settings';

const settings = (point: ReplaySettings['point'], more: Partial<ReplaySettings> = {}) =>
  recoverySettings({ restoreCommand: 'fetch', point, inclusive: true, timeline: 3, action: 'promote', ...more });

const points: [ReplaySettings['point'], Record<string, string>][] = [
  [{ kind: 'lsn', lsn: parseLsn('16/B374D848') }, { recovery_target_lsn: '16/B374D848' }],
  [
    { kind: 'time', micros: parseInstant('2026-11-20 05:13:45.123456Z', 'time') },
    { recovery_target_time: '2026-11-20 05:13:45.123456+00' },
  ],
  [{ kind: 'xid', xid: 4294967295 }, { recovery_target_xid: '4294967295' }],
  [{ kind: 'name', name: "Monday's" }, { recovery_target_name: "Monday's" }],
  [{ kind: 'immediate' }, { recovery_target: 'immediate' }],
];
for (const [point, expected] of points) {
  test(`replay to ${point.kind} names this target and no other, and never archives`, () => {
    assert.deepEqual(settings(point), {
      restore_command: 'fetch',
      ...expected,
      recovery_target_inclusive: 'on',
      recovery_target_timeline: '3',
      recovery_target_action: 'promote',
      archive_mode: 'off',
    });
  });
}

test('exclusive and action are passed on', () => {
  const told = settings({ kind: 'xid', xid: 5 }, { inclusive: false, action: 'shutdown' });
  assert.deepEqual([told.recovery_target_inclusive, told.recovery_target_action], ['off', 'shutdown']);
});

test('whatever a recovery sets is set aside of an earlier one', () => {
  for (const [point] of points) {
    for (const name of Object.keys(settings(point))) assert.ok(supersededSettings.includes(name as never), name);
  }
});

test('lines of superseded settings are commented out, whatever their form, and no others', () => {
  const text = [
    "restore_command = 'cp /archive/%f %p'",
    '  RECOVERY_TARGET_TIME=now # later',
    "\trecovery_target 'immediate'",
    'archive_mode = on',
    '#archive_mode = on',
    "archive_command = 'true'",
    'recovery_targets = 1',
    'my.restore_command = 1',
    "application_name = 'restore_command = x'",
    'shared_buffers = 1GB',
    '',
  ].join('\n');
  const lines = withoutSettings(text, supersededSettings).split('\n');
  assert.deepEqual(lines, [
    "# set aside by lifeboat restore: restore_command = 'cp /archive/%f %p'",
    '# set aside by lifeboat restore: RECOVERY_TARGET_TIME=now # later',
    "# set aside by lifeboat restore: recovery_target 'immediate'",
    '# set aside by lifeboat restore: archive_mode = on',
    '#archive_mode = on',
    "archive_command = 'true'",
    'recovery_targets = 1',
    'my.restore_command = 1',
    "application_name = 'restore_command = x'",
    'shared_buffers = 1GB',
    '',
  ]);
});

test('setting aside twice changes nothing more', () => {
  const once = withoutSettings("archive_mode = on\nport = '5432'\n", supersededSettings);
  assert.equal(withoutSettings(once, supersededSettings), once);
});

/** As PostgreSQL's guc-file.l and GUC_scanstr read a quoted value. */
function readBack(file: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of file.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const match = /^(\w+) = '((?:[^'\\]|\\.|'')*)'$/.exec(line);
    assert.ok(match, `PostgreSQL does not read this line: ${line}`);
    found[match[1]!] = match[2]!.replace(/\\n|\\(.)|''/g, (text, escaped) =>
      text === '\\n' ? '\n' : (escaped ?? "'"),
    );
  }
  return found;
}

test('values come back from the file as they were, whatever is in them', () => {
  const parts = fc.constantFrom("'", '\\', '\n', '%', ' ', '#', '"', 'n', 'ü', '$(id)', '\\n', "''");
  const values = fc.array(parts).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(values, (value) => {
      const file = printSettings({ restore_command: value, archive_mode: 'off' }, 'a comment');
      assert.deepEqual(readBack(file), { restore_command: value, archive_mode: 'off' });
      assert.equal(file.split('\n').length, 5, 'a line for each');
    }),
  );
});

test('settings are printed below a comment that says whose they are', () => {
  assert.equal(
    printSettings({ archive_mode: 'off' }, 'lifeboat restore: why'),
    "\n# lifeboat restore: why\narchive_mode = 'off'\n",
  );
});

/** What PostgreSQL makes of the command, and a shell of that: the words that the program is called with. */
function callThroughShell(command: string): string[] {
  const replaced = command.replace(
    /%([%fp])/g,
    (_, what) => ({ '%': '%', f: '000000010000000000000003', p: 'pg_wal/RECOVERYXLOG' })[what as string]!,
  );
  const printer = `${process.execPath} -e 'process.stdout.write(JSON.stringify(process.argv.slice(1)))' -- `;
  return JSON.parse(execFileSync('/bin/sh', ['-c', printer + replaced], { encoding: 'utf8' }));
}

const words = [
  ['/opt/life boat/bin', 'wal-fetch'],
  ["it's", '"quoted"', "''", "'", '"'],
  ['100%', '%f', '%p', '%%', '%x'],
  ['two\nlines', 'tab\there', '\n'],
  ['$(touch /tmp/owned)', '`id`', `\${HOME}`, '$HOME', '\\', '\\\\', '\\n'],
  ['', ' ', '*', '~', '; exit 1', '| cat', '&& false', '> /dev/null', '#comment', '!history'],
  ['-n', '--', 'Ümlaut', '🚢'],
];
for (const some of words) {
  test(`${JSON.stringify(some)} reach a program through a real shell as they are`, () => {
    const [first, ...rest] = callThroughShell(shellCommand(some, '%f %p')).slice(0, some.length);
    assert.deepEqual([first, ...rest], some);
    assert.deepEqual(callThroughShell(shellCommand(some, '%f %p')).slice(some.length), [
      '000000010000000000000003',
      'pg_wal/RECOVERYXLOG',
    ]);
  });
}

test('any words reach a program through a real shell as they are', () => {
  const text = fc.string({
    unit: fc.constantFrom("'", '"', '\\', '%', ' ', '\n', '$', '`', 'a', '!', '(', ';'),
    maxLength: 8,
  });
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 10 }), (some) => {
      assert.deepEqual(callThroughShell(shellCommand(some, '%p')).slice(0, -1), some);
    }),
    { numRuns: 10 },
  );
});
