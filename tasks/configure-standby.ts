import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Account } from '#postgres/server-process';
import { supersededByStandby } from '#postgres/standby-settings';
import { printSettings, settingLine, withoutSettings } from '#recovery/settings';
import { putStandbySignal } from '#runtime/standby-signal';
import { replaceDurably, syncFolder } from './durably.ts';

const comment = 'lifeboat rebuild: whom to follow';

/**
 * Files that can only come up as a standby. standby.signal is there, on disk, before anything else changes; where a
 * restore left recovery.signal, too, that one counts for nothing beside it.
 * Source: https://www.postgresql.org/docs/current/warm-standby.html#STANDBY-SERVER-OPERATION
 */
export async function configureStandby(
  dataDir: string,
  settings: Record<string, string>,
  account?: Account,
): Promise<void> {
  const write = (name: string, text: string) => replaceDurably(join(dataDir, name), text, account);
  await putStandbySignal(dataDir);
  const main = read(dataDir, 'postgresql.conf');
  const changed = withoutSettings(main, targets);
  if (changed !== main) write('postgresql.conf', changed);
  write('postgresql.auto.conf', withStandbySettings(read(dataDir, 'postgresql.auto.conf'), settings));
  rmSync(join(dataDir, 'recovery.signal'), { force: true });
  syncFolder(dataDir);
}

/** postgresql.auto.conf is read last, so it counts more than what stands elsewhere; of one name, the last line. */
export function withStandbySettings(text: string, settings: Record<string, string>): string {
  const superseded = settingLine(supersededByStandby);
  const kept = text.split('\n').filter((line) => !superseded.test(line) && line !== `# ${comment}`);
  return `${kept.join('\n').trimEnd()}\n${printSettings(settings, comment)}`.trimStart();
}

/** Two targets are an error, wherever they stand, and a standby with one would stop there. */
const targets = supersededByStandby.filter((name) => name.startsWith('recovery_target'));

const read = (dataDir: string, name: string): string =>
  existsSync(join(dataDir, name)) ? readFileSync(join(dataDir, name), 'utf8') : '';
