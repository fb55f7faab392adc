import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputInvalid } from '#model/failure';
import { checkReplaySettings } from '#model/replay-settings';
import { restoreRequest } from '#model/restore-request';

test('settings that say how a server replays are for people to give', () => {
  checkReplaySettings([]);
  checkReplaySettings(['shared_buffers', 'max_connections', 'work_mem', 'pg_stat_statements.max', 'recovery_prefetch']);
});

const refused = [
  ...['archive_mode', 'ARCHIVE_MODE', 'archive_command', 'archive_library', 'listen_addresses', 'hba_file', 'port'],
  ...['restore_command', 'recovery_end_command', 'primary_conninfo', 'data_directory'],
  ...['recovery_target', 'recovery_target_action', 'Recovery_Target_Inclusive', 'recovery_target_timeline'],
];

for (const name of refused) {
  test(`${name} is not: it would make it another restore, or reach the source`, () => {
    assert.throws(
      () => restoreRequest('main', { to: '/srv/restored', settings: { work_mem: 5, [name]: 'on' } }),
      (failure: unknown) => failure instanceof InputInvalid && failure.message.includes(`"${name}" is not allowed`),
    );
  });
}
