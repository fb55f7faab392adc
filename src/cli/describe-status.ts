import type { OpenQuestion } from '#catalog/open-questions';
import { tookOf } from '#cli/describe-execution';
import { answerLines, questionHead } from '#cli/describe-question';
import { formatTable } from '#cli/format-table';
import { describeLastDump } from '#cli/last-dump';
import type { SamePlace } from '#cli/same-place';
import type { DatabaseReport, SourceReport, StatusReport } from '#cli/status-report';
import { formatDuration } from '#model/duration';
import type { FailoverStanding } from '#model/failover-standing';
import { formatBytes } from '#model/format-bytes';
import { oneLine } from '#model/plain-text';

/**
 * What on-call looks at first: what is safe, what runs, what waits for somebody, what is wrong and what to do. `place`
 * belongs to the commands that answer.
 */
export function describeStatus(report: StatusReport, place: SamePlace = { before: '', behind: '' }): string {
  const { sources, running, questions, problems, now } = report;
  return [
    ...sources.flatMap((source) =>
      'database' in source ? describeDatabase(source, now) : describeSource(source, now),
    ),
    ...report.groups.map((standing) => `group     ${describeStanding(standing, now)}`),
    ...(report.groupsSeenFrom === undefined
      ? []
      : [`groups    are watched from ${report.groupsSeenFrom}: lifeboat status --region ${report.groupsSeenFrom}`]),
    describePlace(report),
    ...section(
      'runs',
      running.map((one) => [one.machine, one.name, `for ${tookOf(one, now)}`, one.doing ?? '']),
    ),
    ...section(
      'next',
      report.next.map(({ schedule, at }) => [schedule, at, `in ${formatDuration(Date.parse(at) - now.getTime())}`]),
    ),
    ...questions.flatMap((question) => describeQuestion(question, place)),
    ...report.ended.map(
      ({ execution, machine, source, planHash, outcome, why }) =>
        `${outcome.toUpperCase().padEnd(10)}${deedOf(machine)} of ${source}, ${execution.split(':').at(-1)}, plan ${planHash.slice(0, 12)}: ${oneLine(why)}`,
    ),
    ...problems.flatMap(({ source, what, since, todo }) => [
      `WRONG     ${source}: ${what}${since === null ? '' : ` (since ${since})`}`,
      `  do      ${todo}`,
    ]),
    conclusion(report),
  ].join('\n');
}

function describeQuestion(question: OpenQuestion, place: SamePlace): string[] {
  const { machine, source, requestedBy, expiresAt, required = 1, yes } = question;
  const { head, whole } = questionHead(question, place);
  const [approve, reject] = answerLines(question, place);
  const missing = required - yes.length;
  return [
    `ASKED     ${deedOf(machine)} of ${source}, by ${oneLine(requestedBy)}, until ${expiresAt}`,
    ...head.map((line, index) => `  ${(index === 0 ? 'plan' : '').padEnd(8)}${line}`),
    `  all     ${whole}`,
    ...(required === 1
      ? []
      : [
          `  has     ${yes.length} yes of ${required}: ${missing} more ${missing === 1 ? 'person has' : 'people have'} to say yes`,
        ]),
    ...yes.map(
      ({ by, at, reason }) => `          ${oneLine(`yes by ${by} at ${at}${reason === null ? '' : `: ${reason}`}`)}`,
    ),
    `  yes     ${approve}`,
    `  no      ${reject}`,
  ];
}

const deedOf = (machine: string): string => (machine === 'rds-restore' ? 'restore' : machine);

function describeSource(source: SourceReport, now: Date): string[] {
  const { name, proven, window, rpo, rto, tier, counts, bytes, dump } = source;
  const promised = (ms: number | undefined) => (ms === undefined ? '' : `, promised at most ${formatDuration(ms)}`);
  const states = Object.entries(counts).filter(([, count]) => count > 0);
  return [
    name,
    `  proven  ${proven ? `${proven.backup}, ${formatDuration(now.getTime() - Date.parse(proven.since))} ago: ${proven.reason}` : 'NO BACKUP IS PROVEN'}`,
    `  window  ${window ? `${window.from} to ${window.to}${window.count > 1 ? `, and ${window.count - 1} earlier` : ''}` : 'NOTHING CAN BE RESTORED'}`,
    describeRpo(rpo, tier),
    `  RTO     ${rto ? `${formatDuration(rto.ms)}${promised(tier?.rtoMs)} (${rto.basis})` : 'not measured yet: no drill has been made'}`,
    `  backups ${states.length === 0 ? 'none' : states.map(([state, count]) => `${count} ${state}`).join(', ')}, ${formatBytes(bytes)} stored`,
    ...describeLastDump(dump, now),
  ];
}

function describeDatabase(source: DatabaseReport, now: Date): string[] {
  const { name, database, status, engineVersion, window, rpo, tier, snapshots, dump } = source;
  const { own, automated, others, copied, newest } = snapshots;
  const counts = [
    `${own} of this plan (${copied} copied)`,
    `${automated} of RDS`,
    ...(others > 0 ? [`${others} of others`] : []),
  ];
  const age = newest && `, the newest ${formatDuration(now.getTime() - Date.parse(newest))} old`;
  return [
    name,
    `  RDS     ${database}${engineVersion ? ` ${engineVersion}` : ''}: ${status ?? 'NOBODY KNOWS HOW IT IS'}`,
    `  window  ${window ? `${window.from} to ${window.to}` : 'NO INSTANT CAN BE RESTORED'}`,
    describeRpo(rpo, tier),
    `  backups ${newest === undefined ? 'no snapshots' : `${counts.join(', ')}${age}`}`,
    ...describeLastDump(dump, now),
  ];
}

function describeRpo(rpo: SourceReport['rpo'], tier: SourceReport['tier']): string {
  if (!rpo) return '  RPO     not measured yet';
  const loss = rpo.lossMs === null ? 'EVERYTHING would be lost' : formatDuration(rpo.lossMs);
  const promised = tier ? `, promised at most ${formatDuration(tier.rpoMs)}` : '';
  return `  RPO     ${loss}${promised}: ${rpo.reason}`;
}

/** `lifeboat groups` looks anew, and tells all of it. */
function describeStanding({ group, at, primary, sites, gone, alone }: FailoverStanding, now: Date): string {
  const seen = `seen ${formatDuration(Math.max(0, now.getTime() - Date.parse(at)))} ago`;
  if (gone) return `${group}: NO PRIMARY since ${gone.since}: ${oneLine(gone.why, 200)} (${seen})`;
  const primaries = sites.filter(({ state }) => state === 'primary').map(({ site }) => site);
  if (primaries.length > 1) return `${group}: TWO PRIMARIES, at ${primaries.join(' and ')} (${seen})`;
  if (alone) return `${group}: the primary is at ${primary}, with NO STANDBY since ${alone.since} (${seen})`;
  return primary === null
    ? `${group}: nobody knows where the primary is`
    : `${group}: the primary is at ${primary} (${seen})`;
}

function describePlace(report: StatusReport): string {
  const { daemon, stack } = report;
  if (stack) return `stack     ${stack.name} in ${stack.region}`;
  return daemon
    ? `daemon    process ${daemon.pid} since ${daemon.startedAt}${describeServices(report)}`
    : 'daemon    NOT RUNNING: nothing is backed up, proven or told until `lifeboat up` is started';
}

function describeServices({ services }: StatusReport): string {
  return services
    .map(
      ({ name, runs, restarts }) =>
        `; ${name} ${runs ? 'runs' : 'IS DOWN'}${restarts > 0 ? `, restarted ${restarts} times` : ''}`,
    )
    .join('');
}

const section = (name: string, rows: readonly string[][]): string[] =>
  rows.length === 0
    ? []
    : formatTable(rows)
        .split('\n')
        .map((line, index) => `${(index === 0 ? name : '').padEnd(10)}${line}`);

function conclusion({ problems, questions, daemon, stack }: StatusReport): string {
  const wrong = problems.length + ((daemon ?? stack) ? 0 : 1);
  if (wrong > 0) return `${wrong === 1 ? 'ONE THING NEEDS' : `${wrong} THINGS NEED`} SOMEBODY`;
  return questions.length > 0 ? 'somebody has to answer' : 'everything is as it should be';
}
