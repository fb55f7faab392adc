import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RebuildFailed } from '#failover/failures';
import { standbySlot } from '#postgres/standby-settings';
import { readControlFile } from '#runtime/read-control-file';
import { startLogName } from '#runtime/start-local-server';
import { lastTrouble } from './last-trouble.ts';
import type { LocalRebuild } from './rebuild-work.ts';
import { askSite, type ServerSays, sendsTo } from './standby-primary.ts';
import { startForGood } from './start-for-good.ts';

export type Followed = { streams: true } | { streams: false; why: string };

/**
 * Start a standby, and see it stream from the primary. Replay may take hours before; as long as it goes on, that is waited for.
 * `streams: false`: its timeline is not the primary's.
 * @throws RebuildFailed when it ends, or stands still without streaming
 */
export async function followPrimary(
  work: LocalRebuild,
  { systemId, timeline }: Pick<ServerSays, 'systemId' | 'timeline'>,
): Promise<Followed> {
  const { site, other, environment, signal, onProgress } = work;
  onProgress('follow');
  await start(work);
  let [seen, receiver] = ['', ''];
  let sinceMs = performance.now();
  for (;;) {
    const own = await askSite(site.server.connection, environment).catch(() => undefined);
    if (own?.role === 'primary') throw failed(work, 'it came up as a primary');
    // of an older timeline it may get what comes before the fork, again and again, and never what follows
    const isOnTimeline = own?.streams !== undefined && own.streams.timeline >= timeline;
    // one that asks for WAL that is gone streams for a moment, too, and its next attempt is another process
    const stays = own?.streams?.receiver === receiver;
    receiver = own?.streams?.receiver ?? '';
    if (isOnTimeline && stays && own.streams?.slot === standbySlot(site.name) && own.systemId === systemId)
      if (await sendsTo(other.server.connection, site.name, environment)) return { streams: true };
    const said = await readFile(join(work.dataDir, startLogName), 'utf8').catch(() => '');
    const astray = said.split('\n').findLast((line) => onAnotherWay.test(line));
    if (astray !== undefined) return { streams: false, why: astray.replace(/^.*?(?:LOG|FATAL): {2}/, '') };
    const place = `${own?.lsn} ${await placeOf(work.dataDir)} ${said.length > 0 && said.split('restored log file').length}`;
    if (place !== seen) [seen, sinceMs] = [place, performance.now()];
    if (performance.now() - sinceMs > stuckMs)
      throw failed(work, `does not stream: ${lastTrouble(said.trim().split('\n'))}`);
    await start(work); // one that has ended says why
    await sleep(200, undefined, { signal });
  }
}

const stuckMs = 300_000;

/** In the words of PostgreSQL (lc_messages is what the server has: with another language, it stands still instead). */
const onAnotherWay = /forked off current database system timeline|is not a child of this server's history/;

async function start(work: LocalRebuild): Promise<void> {
  const outcome = await startForGood(work, 1_000);
  if (outcome.state !== 'failed' || outcome.lastLines.some((line) => onAnotherWay.test(line))) return;
  throw failed(work, `has ended: ${lastTrouble(outcome.lastLines)}`);
}

/** Whether it goes on, as long as it takes no connections. */
async function placeOf(dataDir: string): Promise<string> {
  const control = await readControlFile(dataDir).catch(() => undefined);
  const { mtimeMs = 0 } = await stat(join(dataDir, 'pg_wal')).catch(() => ({ mtimeMs: 0 }));
  return `${control?.minRecoveryPoint} ${control?.checkpoint} ${mtimeMs}`;
}

const failed = ({ dataDir, site }: LocalRebuild, what: string): RebuildFailed =>
  new RebuildFailed(`the standby at ${site.name} ${what}`, {
    operation: 'rebuild standby',
    subject: dataDir,
    hint: `see ${join(dataDir, startLogName)} and the server's own log; it can only come up as a standby, and is left as it is`,
  });
