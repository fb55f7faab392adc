import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatLsn } from '#model/lsn';
import { historyFileName } from '#model/timeline';
import { checkPages } from '#recovery/check-pages';
import { askChecks, type CheckResult } from '#recovery/checks';
import { configurePromoted } from '#recovery/configure';
import { type PointReached, replay } from '#recovery/replay';
import type { PhaseClock } from './phase-clock.ts';
import type { RestoreRecord, RestoreWork } from './restore.ts';

/** What a restored cluster did when it was started. */
export type Started = Pick<RestoreRecord, 'reached' | 'history' | 'checks'>;

/** Let a cluster that was laid down replay to its target, ask it everything, and stop it. */
export async function startRestored(work: RestoreWork, binDir: string, clock: PhaseClock): Promise<Started> {
  const { layout, plan, account, signal } = work;
  const newest = work.chain.at(-1)!;
  clock.begin('replay');
  const totalFiles = Number(plan.wal.bytes / BigInt(newest.server.segmentSize)) + 1;
  const { server, reached } = await replay({
    binDir,
    dataDir: layout.dataDir,
    ...(account ? { account } : {}),
    environment: work.environment,
    superuser: newest.server.superuser,
    settings: { ...harmlessSettings(plan.major), ...work.settings },
    action: plan.action,
    timeline: plan.timeline,
    signal,
    onLog: work.onLog,
    onFetched: (fetchedFiles) => work.onProgress({ phase: 'replay', fetchedFiles, totalFiles }),
  });
  clock.begin('checks');
  work.onProgress({ phase: 'checks' });
  let checks: CheckResult[];
  let history: RestoreRecord['history'];
  // a question may take hours, and whoever wants the end does not wait for its answer
  const hangUp = () => void server.stop('immediate');
  signal.addEventListener('abort', hangUp, { once: true });
  try {
    signal.throwIfAborted();
    checks = await askChecks({ server, systemId: plan.systemId, checks: work.checks, signal });
    signal.throwIfAborted();
    if (plan.action === 'promote') history = await promotion(server, layout.dataDir);
  } finally {
    signal.removeEventListener('abort', hangUp);
    await server.stop('fast');
  }
  if (plan.action === 'promote') configurePromoted(layout.dataDir, account);
  if (newest.server.dataChecksums) {
    work.onProgress({ phase: 'pages' });
    checks.push(await pageCheck(work, newest.server.blockSize));
  }
  return { reached: printReached(reached), ...(history ? { history } : {}), checks };
}

/**
 * What the source's configuration may do beside serving, and a cluster that runs only for us must not: take changes
 * over the source's own replication slots, run its jobs, overwrite its pid file. And where WAL of an older timeline is
 * not at hand the summarizer fails, waits ten seconds before it tries again, and a shutdown waits with it
 * (WalSummarizerMain in walsummarizer.c).
 */
const harmlessSettings = (major: number): Record<string, string> => ({
  max_logical_replication_workers: '0',
  'cron.launch_active_jobs': 'off',
  external_pid_file: '',
  ...(major >= 17 ? { summarize_wal: 'off' } : {}),
});

const printReached = ({ lsn, ...rest }: PointReached) => ({ lsn: formatLsn(lsn), ...rest });

async function promotion(
  server: { query: (database: string, sql: string) => Promise<Record<string, string | null>[]> },
  dataDir: string,
) {
  const [row] = await server.query(
    'template1',
    'select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline',
  );
  const timeline = Number.parseInt(row!.timeline!, 16);
  const content = await readFile(join(dataDir, 'pg_wal', historyFileName(timeline)), 'utf8');
  return { timeline, content: content.trim().split('\n').at(-1)! };
}

async function pageCheck(work: RestoreWork, blockSize: number): Promise<CheckResult> {
  const begun = performance.now();
  const { pages, wrongPages, wrong } = await checkPages(work.layout.dataDir, blockSize, work.signal);
  const places = wrong.map(({ file, block }) => `${file} block ${block}`).join(', ');
  return {
    check: 'page checksums',
    ok: wrongPages === 0,
    detail: wrongPages === 0 ? `${pages} pages are right` : `${wrongPages} of ${pages} pages are wrong: ${places}`,
    durationMs: Math.round(performance.now() - begun),
  };
}
