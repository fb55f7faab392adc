import { fenceWords } from '#failover/fence-words';
import { type Blocker, type Moving, stateWords } from '#failover/move-blockers';
import { ifKnown, type MovableFacts, type MoveFacts } from '#failover/move-facts';
import type { DecidedMove } from '#failover/move-hash';
import type { MoveLoss } from '#failover/move-loss';
import { moveWarnings } from '#failover/move-warnings';
import { stateOf } from '#failover/observe-primary';
import type { MoveRequest } from '#failover/planned-move';
import { formatDuration } from '#model/duration';
import { unbrokenRow } from '#model/failover-standing';
import { formatLsn } from '#model/lsn';
import { oneLine, plainText } from '#model/plain-text';

export interface DescribedMove {
  moving: Moving;
  facts: MoveFacts;
  request: MoveRequest;
  decided: DecidedMove;
  /** what would stand against it, and was forced or does not count */
  against: readonly Blocker[];
  loss: MoveLoss;
  /** what is not yet as it has to be */
  changes: readonly MovableFacts[];
  planHash: string;
  now: Date;
}

const mostChars = 4_000;

/** What a person reads before saying yes: the worst first, the hash in the last line; at most 4,000 characters. */
export function describeMove(described: DescribedMove): string {
  const hash = `plan ${described.planHash}`;
  const lines = [title(described), ...worst(described), ...story(described)];
  const radius = blastRadius(described);
  const warnings = moveWarnings(described).map((warning) => field('WARNING', warning, 300));
  const body = plainText([...lines, ...radius, ...warnings].join('\n'), mostChars - hash.length - 1);
  return `${body}\n${hash}`;
}

function title({ moving: { mode, group, from, to, restore } }: DescribedMove): string {
  switch (mode) {
    case 'failover':
      return `failover of ${group.name}: the primary of ${group.source} moves from ${from} to ${to}${restore ? ', restored from the bucket' : ''}`;
    case 'switchover':
      return `planned move of ${group.name}: the primary of ${group.source} moves from ${from} to ${to}`;
    case 'finish':
      return `the rest of a move of ${group.name}: ${to} is the primary of ${group.source} already, and the others follow it`;
    case 'rehearsal':
      return `rehearsal of ${group.name}: the primary of ${group.source} would move from ${from} to ${to}, and stays`;
  }
}

const shownForced = 4;

/** What nobody may overlook stands first, so that no length of the rest cuts it off. */
function worst({ decided, against, moving: { mode, old, from, to, group } }: DescribedMove): string[] {
  if (mode === 'finish' || mode === 'rehearsal') return [];
  const answers = mode === 'failover' && stateOf(old) === 'primary';
  const planned = `lifeboat failover ${group.name} --to ${to} --planned`;
  const unfenced = decided.fence?.strength === 'none';
  const forced = against.filter(({ forceable }) => forceable);
  const more = forced.length - shownForced;
  return [
    ...(answers
      ? [
          field(
            'REMARK',
            `the primary ANSWERS: ${from} takes writes now, and what it commits until it is fenced may be lost. \`${planned}\` loses ${old.fence.strength === 'soft' ? 'less' : 'nothing'}`,
          ),
        ]
      : []),
    ...(unfenced
      ? [field('DANGER', `${from} COULD NOT BE FENCED: it may still take writes (${oneLine(old.fence.how, 200)})`)]
      : []),
    ...forced.slice(0, shownForced).map(({ why }) => field('FORCED', `in spite of this: ${why}`, 250)),
    ...(more > 0 ? [field('FORCED', `and in spite of ${more} more`)] : []),
    ...(decided.force && forced.length === 0
      ? [field('FORCED', '--force was given, and nothing stands against it')]
      : []),
  ];
}

function story({ moving, facts, request, loss, now }: DescribedMove): string[] {
  const { mode, from, to, old, next, group } = moving;
  const gone = unbrokenRow(ifKnown(facts.standing), { now, primary: from });
  const since = gone && mode !== 'finish' && stateOf(old) !== 'primary' ? `; gone ${sinceWords(gone.since, now)}` : '';
  const moves = mode === 'failover' || mode === 'switchover';
  return [
    field('because', request.reason ?? 'no reason was given'),
    field('asked by', request.requestedBy ?? 'somebody', 200),
    field(mode === 'finish' ? 'old side' : 'primary', `${from} ${stateWords(old)}${since}`),
    ...facts.witnesses
      .slice(0, 4)
      .map(({ what, says, detail }) => field('witness', `${what} says ${sayWords(says)}: ${detail}`, 200)),
    field(mode === 'finish' ? 'primary' : 'next', `${to} ${stateWords(next)}${positionWords(moving)}`),
    field('loses', loss.words, 400),
    ...(moves ? [field('fence', fenceWords(moving))] : []),
    field('takes', durationWords(facts, mode)),
    field('healthy', healthWords(group)),
  ];
}

const sinceWords = (since: string, now: Date): string =>
  `since ${since} (${formatDuration(Math.max(0, now.getTime() - Date.parse(since)))})`;

const sayWords = (says: string): string =>
  says === 'gone' ? 'it is gone' : says === 'there' ? 'it is there' : 'nothing that counts';

function positionWords({ next: { server } }: Moving): string {
  if (server.state !== 'answers') return '';
  const at = server.received ?? server.lsn;
  const position = at === null ? '' : `, at ${formatLsn(at)}`;
  const timeline = server.timeline === null ? '' : ` on timeline ${server.timeline}`;
  const follows = server.role === 'primary' ? '' : server.streams ? ', streams' : ', does not stream';
  return `${position}${timeline}${follows}`;
}

function durationWords({ measured }: MoveFacts, mode: string): string {
  if (!measured.known) return `not known: ${measured.why}`;
  const same = measured.value.filter((one) => one.mode === mode);
  const [newest] = same.length > 0 ? same : measured.value;
  if (!newest) return 'not known: none was measured yet';
  return `about ${formatDuration(newest.rtoMs)}, as the ${newest.mode} of ${newest.at.toISOString().slice(0, 10)} did`;
}

function healthWords({ health, healthyWithinMs }: Moving['group']): string {
  if (health.length === 0) return 'nobody looks: the plan has no health checks';
  return `within ${formatDuration(healthyWithinMs)}, by ${health.length === 1 ? 'one check' : `${health.length} checks`}`;
}

const parts = { names: 'name', capacity: 'capacity', settings: 'setting' } as const;
const shownChanges = 5;

function blastRadius({ changes, moving: { mode, to, group } }: DescribedMove): string[] {
  if (mode === 'rehearsal' && !group.rehearsal.capacity) return [field('changes', 'nothing on the live pair')];
  const lines = (['names', 'capacity', 'settings'] as const).flatMap((part) => {
    const of = changes.filter((change) => change.part === part);
    const more = of.length - shownChanges;
    return [
      ...of.slice(0, shownChanges).map((change) => field(parts[part], changeWords(change, to))),
      ...(more > 0 ? [field(parts[part], `and ${more} more`)] : []),
    ];
  });
  return lines.length > 0 ? lines : [field('changes', 'names, capacity and settings are as they have to be')];
}

function changeWords({ what, current, wanted }: MovableFacts, to: string): string {
  const old = current.known ? (current.value === null ? 'nothing' : oneLine(current.value, 60)) : 'not known';
  return `${oneLine(what, 100)}: ${old} → ${oneLine(wanted[to]!, 60)}`;
}

const field = (name: string, text: string, most = 500): string => `  ${name.padEnd(9)}${oneLine(text, most)}`;
