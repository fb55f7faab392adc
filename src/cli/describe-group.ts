import { answerLines, questionHead } from '#cli/describe-question';
import { formatTable } from '#cli/format-table';
import { type GroupReport, type MovedReport, primariesOf, type SiteReport } from '#cli/group-report';
import type { SamePlace } from '#cli/same-place';
import { formatDuration } from '#model/duration';
import { unbrokenRow } from '#model/failover-standing';
import { formatBytes } from '#model/format-bytes';
import { oneLine } from '#model/plain-text';

/** What on-call wants to know of a group before it is moved; what is wrong stands in capitals. */
export function describeGroup(report: GroupReport, now: Date, place: SamePlace = { before: '', behind: '' }): string {
  const { group, source, home, sites, moved, lease, questions, standing } = report;
  const primaries = primariesOf(report);
  // what the watch saw a minute ago says nothing against what is seen now
  const row = primaries.length === 0 ? unbrokenRow(standing, { now }) : undefined;
  return [
    `${group}: source ${source}, at home in ${home}`,
    ...indented(sites.map((site) => [site.site, wordOf(site), aboutSite(site, now)])),
    ...sites.flatMap(whyNotFenced),
    ...indented(moved.map((one) => [one.part, one.what, aboutMoved(one, primaries[0])])),
    ...(row ? [`  GONE      no primary since ${row.since}: ${oneLine(row.why, 300)}`] : []),
    ...(lease
      ? [
          `  moves     ${lease.execution?.split(':').at(-1) ?? 'somebody'} on ${lease.host}, since ${lease.since}: lifeboat executions`,
        ]
      : []),
    ...questions.flatMap((question) => {
      const { head, whole } = questionHead(question, place);
      const [approve, reject] = answerLines(question, place);
      return [
        `  ASKED     by ${oneLine(question.requestedBy)}, until ${question.expiresAt}`,
        ...head.map((line, index) => `    ${(index === 0 ? 'plan' : '').padEnd(8)}${line}`),
        `    all     ${whole}`,
        `    yes     ${approve}`,
        `    no      ${reject}`,
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

/** It matters most while it does not answer, and is best known before. */
const whyNotFenced = ({ site, state, fence }: SiteReport): string[] =>
  fence.fenced || fence.possible || state === 'absent'
    ? []
    : [`  ${site} CANNOT BE FENCED: ${oneLine(fence.how, 300)}`];

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
