import type { MeasuredExposure } from '#catalog/exposure';
import type { Problem } from '#cli/status-report';
import type { Window } from '#recovery/windows';

/**
 * What may be over in a minute, so that nobody is woken for it yet, and what the watch looks at once an hour: who asks now
 * is told now. What is among the findings already is not told twice.
 */
export function passingProblems(
  source: string,
  measured: MeasuredExposure | undefined,
  newest: Window | undefined,
): Problem[] {
  const isFound = (kind: string): boolean => measured?.findings.some((finding) => finding.kind === kind) ?? false;
  const unreachable =
    measured?.server.state === 'unreachable' && !isFound('server-unreachable')
      ? [
          {
            source,
            what: `the server cannot be reached: ${measured.server.why}`,
            since: measured.server.since,
            todo: 'lifeboat init --check',
          },
        ]
      : [];
  // a segment that is there and damaged is found as damage
  const missing =
    newest?.gap !== undefined && newest.damage === undefined && !isFound('wal-gap')
      ? [
          {
            source,
            what: `WAL segment ${newest.gap} is missing: nothing behind it can be reached from the backups before it`,
            since: null,
            todo: `lifeboat backup --source ${source} --type full`,
          },
        ]
      : [];
  return [...unreachable, ...missing];
}
