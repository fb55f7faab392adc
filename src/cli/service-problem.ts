import type { Problem } from '#cli/status-report';
import type { ServiceState } from '#local/services';
import { formatDuration } from '#model/duration';

/** A receiver that fails at once is seen running now and then: only what has run for so long is taken for sound. */
const soundAfterMs = 30_000;

/** What is wrong with a WAL receiver; nothing while it runs. */
export function serviceProblem(service: ServiceState, now: Date): Problem[] {
  const { name, pid, runningSince, restarts, lastExit, complaint } = service;
  const ranMs = runningSince === null ? 0 : now.getTime() - Date.parse(runningSince);
  if (pid !== null && (restarts === 0 || ranMs >= soundAfterMs)) return [];
  const how = pid === null ? 'is down' : `was started again ${formatDuration(Math.max(0, ranMs))} ago`;
  const why = complaint?.message ?? lastExit?.problem ?? undefined;
  return [
    {
      source: name.replace(/^receive-/, ''),
      what: `the WAL receiver ${how}${why === undefined ? '' : `: ${why}`}`,
      since: lastExit?.stoppedAt ?? null,
      todo: complaint?.hint ?? 'look at the log of `lifeboat up`; it is started again by itself',
    },
  ];
}
