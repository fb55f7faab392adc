import { InputInvalid } from '#model/failure';

/**
 * Settings of a server that replays for us which are not for people to set: they decide whom it can reach and who can
 * reach it, where its WAL comes from and goes to, and where it stops, which is what was planned and approved.
 */
const ours = new Set([
  'archive_cleanup_command',
  'archive_command',
  'archive_library',
  'archive_mode',
  'config_file',
  'data_directory',
  'external_pid_file',
  'hba_file',
  'ident_file',
  'listen_addresses',
  'port',
  'primary_conninfo',
  'primary_slot_name',
  'recovery_end_command',
  'restore_command',
  'ssl',
  'unix_socket_directories',
]);

/** `names`: of settings for the replay only. @throws InputInvalid for one that would make it another restore */
export function checkReplaySettings(names: readonly string[], field = 'settings'): void {
  const wrong = names.find((name) => ours.has(name.toLowerCase()) || /^recovery_target/i.test(name));
  if (wrong === undefined) return;
  const hint = 'leave it out: the restored cluster stays private and never archives while it replays';
  throw new InputInvalid(field, wrong, 'settings that only say how the server replays, like shared_buffers', hint);
}
