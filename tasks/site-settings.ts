import { existsSync, readFileSync, rmSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { printSettings, settingLine } from '#recovery/settings';
import { replaceDurably } from './durably.ts';
import type { LocalRebuild } from './rebuild-work.ts';

const comment = 'lifeboat rebuild: where this site is asked for; all else is as it was at the site of the backup';

/**
 * A cluster that was restored where none was has the configuration of another machine. What is said here is where it listens, as
 * the site's connection has it; memory, certificates and rules of access stay as they came: somebody has to look at them.
 */
export function writeSiteSettings({ dataDir, account, site, log }: LocalRebuild): void {
  const settings = siteSettings(site.server.connection);
  const path = join(dataDir, 'postgresql.auto.conf');
  const pattern = settingLine(Object.keys(settings));
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const kept = text.split('\n').filter((line) => !pattern.test(line) && line !== `# ${comment}`);
  replaceDurably(path, `${kept.join('\n').trimEnd()}\n${printSettings(settings, comment)}`, account);
  rmSync(join(dataDir, 'postmaster.opts'), { force: true }); // of a server that nobody could reach
  log.warn('its configuration comes from the other site: look at memory, certificates and pg_hba.conf', settings);
}

export function siteSettings({ host, port }: { host: string; port: number }): Record<string, string> {
  if (isAbsolute(host)) return { port: String(port), unix_socket_directories: host, ...plain };
  const local = ['localhost', '127.0.0.1', '::1'].includes(host);
  return { port: String(port), listen_addresses: local ? 'localhost' : '*', unix_socket_directories: '/tmp', ...plain };
}

/** Files and names of the other machine. */
const plain = { external_pid_file: '' };
