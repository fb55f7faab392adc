import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { timelineAt } from '#catalog/wal-coverage';
import { Aborted, RestoreFailed } from '#model/failure';
import { advance, type Lsn, parseLsn } from '#model/lsn';
import { printInstant, type TargetAction } from '#model/recovery-target';
import { historyFileName, parseHistory, type Timeline } from '#model/timeline';
import type { ServerEnd } from '#postgres/server-process';
import { PrivateServer, type PrivateServerOptions } from '#recovery/private-server';
import { endTimeAt } from '#recovery/stop-record';

/** Where replay stopped, as the server tells it. */
export interface PointReached {
  /** end of the last record that was replayed */
  lsn: Lsn;
  /** commit time of the last transaction that was replayed; null when there was none */
  time: string | null;
  /** PostgreSQL's own words: which record it stopped before or after */
  stoppedAt: string;
  /** that the last record is on */
  timeline: Timeline;
}

export interface ReplayWork extends Omit<PrivateServerOptions, 'onLog'> {
  action: TargetAction;
  /** the one that recovery follows */
  timeline: Timeline;
  signal: AbortSignal;
  /** a log line of the server */
  onLog(line: string): void;
  /** how many WAL files were fetched so far */
  onFetched(files: number): void;
}

/**
 * Start a restored cluster, let it replay to its target and stand still there, so that the point it reached can be
 * read exactly; then promote it where that is the action. Answers the running server.
 * @throws RestoreFailed when the server gives up or stops somewhere else
 */
export async function replay(work: ReplayWork): Promise<{ server: PrivateServer; reached: PointReached }> {
  const watch = new ReplayLog(work);
  const server = await PrivateServer.start({
    ...work,
    settings: { ...work.settings, recovery_target_action: 'pause', hot_standby: 'on', log_min_messages: 'info' },
    onLog: (line) => watch.line(line),
  });
  try {
    const ended = server.ended.then((end) => {
      throw gaveUp(work, end);
    });
    const reached = await Promise.race([ended, untilPaused(work, server, watch)]);
    if (work.action === 'promote') await Promise.race([ended, promote(server)]);
    ended.catch(() => undefined); // from here on the caller stops it
    return { server, reached };
  } catch (failure) {
    await server.stop('immediate');
    throw failure;
  }
}

/** What the server's log tells about a replay; lc_messages is C, so the words are these. */
class ReplayLog {
  readonly #work: ReplayWork;
  #fetched = 0;
  stoppedAt: string | undefined;
  /** the copy is consistent: connections are taken from now on */
  ready = false;
  /** WAL that needs larger settings than the restored configuration has pauses replay, too */
  insufficient: string | undefined;

  constructor(work: ReplayWork) {
    this.#work = work;
  }

  line(line: string): void {
    const text = line.replace(/^.*?\b(LOG|WARNING|DETAIL|FATAL|HINT|ERROR): {2}/, '');
    if (text.startsWith('restored log file')) this.#work.onFetched(++this.#fetched);
    if (text.startsWith('recovery stopping')) this.stoppedAt = text;
    if (text.startsWith('database system is ready to accept read-only connections')) this.ready = true;
    if (text.startsWith('hot standby is not possible because of insufficient parameter')) this.insufficient = text;
    else if (this.insufficient?.startsWith('hot standby') && line.includes('DETAIL:')) {
      this.insufficient = `the restored server needs a larger setting to replay: ${text}`;
    }
    this.#work.onLog(line);
  }
}

async function untilPaused(work: ReplayWork, server: PrivateServer, watch: ReplayLog): Promise<PointReached> {
  for (;;) {
    if (work.signal.aborted) {
      throw new Aborted('replay was stopped', {
        operation: 'replay',
        subject: work.dataDir,
        cause: work.signal.reason,
      });
    }
    if (watch.insufficient) throw insufficientSettings(work, watch.insufficient);
    const row = watch.ready ? await pauseState(server) : undefined;
    if (row?.state === 'paused' && watch.stoppedAt) {
      const lsn = parseLsn(row.lsn!);
      return {
        lsn,
        time: (await timeAtStop(work.dataDir, watch.stoppedAt)) ?? row.time ?? null,
        stoppedAt: watch.stoppedAt,
        timeline: await timelineBefore(work, lsn),
      };
    }
    await sleep(50);
  }
}

/** pg_control tells it late: PostgreSQL writes it down when it next flushes a page. */
async function timelineBefore({ dataDir, timeline }: ReplayWork, end: Lsn): Promise<Timeline> {
  const file = join(dataDir, 'pg_wal', historyFileName(timeline));
  if (!existsSync(file)) return timeline; // one without ancestors has no history
  return timelineAt(parseHistory(timeline, await readFile(file, 'utf8')), advance(end, -1));
}

/** After a position PostgreSQL stops before it takes note of the commit that it has replayed there. */
async function timeAtStop(dataDir: string, stoppedAt: string): Promise<string | undefined> {
  const position = /^recovery stopping after WAL location \(LSN\) "([0-9A-F/]+)"/.exec(stoppedAt)?.[1];
  const micros = position === undefined ? undefined : await endTimeAt(dataDir, parseLsn(position));
  return micros === undefined ? undefined : printInstant(micros);
}

const stateQuery = `
  select pg_get_wal_replay_pause_state() as state, pg_last_wal_replay_lsn()::text as lsn,
         to_char(pg_last_xact_replay_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"+00"') as time`;

/** undefined when the server does not answer */
async function pauseState(server: PrivateServer): Promise<Record<string, string | null> | undefined> {
  try {
    return (await server.query('template1', stateQuery))[0];
  } catch {
    return undefined; // it has ended: `ended` tells that
  }
}

async function promote(server: PrivateServer): Promise<void> {
  const [row] = await server.query('template1', 'select pg_promote(true, 3600) as promoted');
  if (row?.promoted !== 't') {
    throw new RestoreFailed('the server did not promote itself within an hour', {
      operation: 'promote',
      subject: 'restored cluster',
    });
  }
}

function gaveUp(work: ReplayWork, end: ServerEnd): RestoreFailed {
  const fatal = end.lastLines.filter((line) => /\b(FATAL|PANIC): {2}/.test(line)).at(-1);
  const said = fatal?.replace(/^.*?\b(FATAL|PANIC): {2}/, '') ?? end.lastLines.at(-1) ?? 'nothing';
  const lifeboat = end.lastLines.filter((line) => line.startsWith('lifeboat: ')).at(-1);
  return new RestoreFailed(
    `the restored server gave up (${end.signal ?? `exit ${end.exitCode}`}): ${said}${lifeboat ? `; ${lifeboat}` : ''}`,
    {
      operation: 'replay',
      subject: work.dataDir,
      hint: lifeboat
        ? 'restore to a target before this WAL (`lifeboat window`); first remove what is kept here for a look, or pass --set-aside'
        : 'the restored files are kept for a look: remove them, or pass --set-aside, before the next try',
    },
  );
}

function insufficientSettings(work: ReplayWork, what: string): RestoreFailed {
  return new RestoreFailed(what, {
    operation: 'replay',
    subject: work.dataDir,
    hint:
      'the source got larger settings after this backup: pass them with --set, like --set max_connections=200; ' +
      'first remove what is kept here for a look, or pass --set-aside',
  });
}
