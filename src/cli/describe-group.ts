import { formatTable } from '#cli/format-table';
import { type GroupReport, type MovedReport, primariesOf, type SiteReport } from '#cli/group-report';
import { answerCommand } from '#model/approval';
import { formatDuration } from '#model/duration';
import { formatBytes } from '#model/format-bytes';
import { oneLine } from '#model/plain-text';
import { shellWord } from '#notify/shell-word';

/** What on-call wants to know of a group before it is moved; what is wrong stands in capitals. */
export function describeGroup(report: GroupReport, now: Date, behind = ''): string {
  const { group, source, home, sites, moved, lease, questions, standing } = report;
  const primaries = primariesOf(report);
  return [
    `${group}: source ${source}, at home in ${home}`,
    ...indented(sites.map((site) => [site.site, wordOf(site), aboutSite(site, now)])),
    ...indented(moved.map((one) => [one.part, one.what, aboutMoved(one, primaries[0])])),
    ...(standing?.gone
      ? [`  GONE      no primary since ${standing.gone.since}: ${oneLine(standing.gone.why, 300)}`]
      : []),
    ...(lease
      ? [
          `  moves     ${lease.execution?.split(':').at(-1) ?? 'somebody'} on ${lease.host}, since ${lease.since}: lifeboat executions`,
        ]
      : []),
    ...questions.flatMap(({ execution, planHash, requestedBy, expiresAt }) => {
      const name = shellWord(execution.split(':').at(-1)!);
      return [
        `  ASKED     by ${oneLine(requestedBy)}, until ${expiresAt}`,
        `    yes     ${answerCommand('approve', name, planHash, behind)}`,
        `    no      ${answerCommand('reject', name, planHash, behind)}`,
      ];
    }),
    `  ${conclusion(report, primaries)}`,
  ].join('\n');
}

const indented = (rows: string[][]): string[] =>
  rows.length === 0
    ? []
    : formatTable(rows)
        .split('\n')
        .map((line) => `  ${line}`);

const wordOf = ({ state }: SiteReport): string => (state === 'silent' ? 'SILENT' : state);

function aboutSite({ state, detail, timeline, lsn, lagBytes, replayedAt, fence }: SiteReport, now: Date): string {
  const where = [...(timeline === null ? [] : [`timeline ${timeline}`]), ...(lsn === null ? [] : [lsn])];
  if (state === 'primary') return where.join(', ');
  if (state === 'fenced') return fence.how;
  if (state !== 'standby') return oneLine(detail ?? '', 200);
  const lag = lagBytes === null ? 'it is not known how far behind' : `${formatBytes(lagBytes)} behind`;
  const age = replayedAt === null ? 0 : Math.max(0, now.getTime() - Date.parse(replayedAt));
  const replayed = replayedAt === null ? [] : [`last commit ${formatDuration(age)} ago`];
  return [detail ?? 'standby', lag, ...replayed, ...where].join(', ');
}

function aboutMoved({ value, of, problem }: MovedReport, primary: string | undefined): string {
  if (problem !== null) return `CANNOT BE READ: ${oneLine(problem, 200)}`;
  if (value === null) return 'IS NOT THERE YET';
  const right = primary === undefined || of.includes(primary);
  if (!right) return `${oneLine(value, 100)}: NOT AS WITH A PRIMARY AT ${primary}`;
  return `${oneLine(value, 100)}${of.length === 1 ? ` (${of[0]})` : ''}`;
}

function conclusion({ group }: GroupReport, primaries: readonly string[]): string {
  if (primaries.length === 1) return `the primary is at ${primaries[0]}`;
  if (primaries.length === 0) return `NO PRIMARY IS SEEN: lifeboat failover ${group}`;
  return `TWO PRIMARIES: ${primaries.join(' and ')} take writes: stop one of them now, and keep its files`;
}
