import { type ControlFile, parseControlFile } from '#postgres/control-file';
import type { Ask } from '#runtime/site-session';

/**
 * Why a standby must not be told to promote while its recovery pauses; undefined when it may be. A pause that somebody asked for
 * ends with the promotion, and all that was received is replayed. One that its settings caused, which are smaller than those of
 * its primary, ends with the server: "recovery aborted because of insufficient parameter settings" (measured with 18).
 * Source: https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-ADMIN
 */
export async function whyPaused(ask: Ask): Promise<{ problem: string; hint: string } | undefined> {
  if ((await ask('select pg_get_wal_replay_pause_state() as state'))[0]?.state !== 'paused') return undefined;
  const known = await ask(question).catch(() => undefined);
  if (!known) return { problem: 'its recovery is paused, and why cannot be seen', hint: resumeHint };
  const { control, ...settings } = known[0]!;
  const required = parseControlFile(Buffer.from(control!, 'hex'));
  const small = names.filter(([name, field]) => Number(settings[name]) < required[field]);
  if (small.length === 0) return undefined;
  const each = small.map(([name, field]) => `${name} is ${settings[name]}: expected at least ${required[field]}`);
  return { problem: each.join(', '), hint: `raise ${small.map(([name]) => name).join(', ')} there and restart it` };
}

const resumeHint =
  'if somebody paused it: select pg_wal_replay_resume(); if its log names a setting that is too small: raise it and restart it';

/** What a standby must have at least as much of as its primary; pg_control has the primary's. */
const names: [string, NumberField][] = [
  ['max_connections', 'maxConnections'],
  ['max_worker_processes', 'maxWorkerProcesses'],
  ['max_wal_senders', 'maxWalSenders'],
  ['max_prepared_transactions', 'maxPreparedTransactions'],
  ['max_locks_per_transaction', 'maxLocksPerTransaction'],
];

type NumberField = keyof { [K in keyof ControlFile as ControlFile[K] extends number ? K : never]: true };

/** For superusers, and who was granted it. */
const question = `
  select encode(pg_read_binary_file('global/pg_control'), 'hex') as control,
         ${names.map(([name]) => `current_setting('${name}') as ${name}`).join(', ')}`;
