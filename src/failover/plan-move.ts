import { isAutomatic } from '#failover/automatic-move';
import { chooseMove, notYet } from '#failover/choose-move';
import { describeMove } from '#failover/describe-move';
import { controlled, fencedBy } from '#failover/fence-words';
import { type Blocker, type Moving, moveBlockers, movingOf, stateWords } from '#failover/move-blockers';
import { ifKnown, type MoveFacts } from '#failover/move-facts';
import { type DecidedMove, moveHash, type OldPrimary } from '#failover/move-hash';
import { moveLoss } from '#failover/move-loss';
import { observePrimary, stateOf } from '#failover/observe-primary';
import type { MoveRequest, PlannedMove } from '#failover/planned-move';
import { stalePrimary } from '#failover/stale-primary';
import { type FailoverGroup, sitesOf } from '#model/failover-group';

export type MoveOutcome =
  | { ready: true; move: PlannedMove; decided: DecidedMove }
  /** `reasons`: all that stand against it, each something that a person can act on */
  | { ready: false; reasons: string[] }
  /** both sites take writes: nothing is moved, whoever asks for it */
  | { ready: false; twoPrimaries: true; reasons: string[] };

/** Of a rehearsal, and of what is left of a move to the right primary, nothing is refused: it does no harm. */
const harmless = ['finish', 'rehearsal'];

/** Plan a move, or say everything that stands against it. */
export function planMove(
  group: FailoverGroup,
  facts: MoveFacts,
  request: MoveRequest,
  at: { now: Date; execution?: string | undefined },
): MoveOutcome {
  const observed = observePrimary(facts.sites);
  if (observed.primary === 'two') return { ready: false, twoPrimaries: true, reasons: [twoPrimaries(group)] };
  const chosen = chooseMove(group, facts, observed, request);
  if (!chosen) return { ready: false, reasons: [noChoice(group, facts)] };
  const moving = movingOf(group, facts, chosen);
  const stale = chosen.mode === 'finish' ? stalePrimary(moving, facts) : [];
  if (stale.length > 0) return { ready: false, reasons: stale };
  const against = chosen.mode === 'finish' ? [] : moveBlockers(moving, facts, request);
  if (!harmless.includes(chosen.mode)) {
    const blocking = against.filter(({ forceable }) => !(forceable && request.force));
    if (blocking.length > 0) return { ready: false, reasons: blocking.map(({ why }) => why) };
  }
  const decided = decide(moving, facts, request, { against, automatic: isAutomatic(moving, facts, request, at) });
  return { ready: true, move: moveOf(moving, facts, request, { decided, against, now: at.now }), decided };
}

const twoPrimaries = ({ name, home, recovery }: FailoverGroup): string =>
  `${home.name} and ${recovery.name} both take writes as the primary of ${name}`;

const noChoice = ({ home, recovery }: FailoverGroup, { sites }: MoveFacts): string =>
  `neither ${home.name} nor ${recovery.name} is seen to be the primary, so it has to be said which one to move to: ${sites
    .map((one) => `${one.site} ${stateWords(one)}`)
    .join('; ')}`;

function decide(
  moving: Moving,
  facts: MoveFacts,
  { force }: MoveRequest,
  { against, automatic }: { against: readonly Blocker[]; automatic: boolean },
): DecidedMove {
  const { group, mode, from, to, restore, old } = moving;
  const moves = !harmless.includes(mode);
  return {
    ...{ group: group.name, source: group.source, mode, from, to, force: force === true, restore, automatic },
    ...systemOf(moving, facts),
    primary: moves ? oldPrimary(old) : null,
    fence: moves ? fenceOf(moving) : null,
    forced: moves ? [...new Set(against.flatMap(({ of }) => of ?? []))].sort() : [],
    moved: movedBy(moving, facts).map(({ part, what, wanted }) => ({ part, what, value: wanted[to]! })),
  };
}

/** What is put, or is as it has to be already. */
const movedBy = ({ mode, group, to }: Moving, { movables }: MoveFacts) =>
  mode === 'rehearsal'
    ? movables.filter(({ part, site }) => part === 'capacity' && group.rehearsal.capacity && site === to)
    : movables;

function fenceOf({ group, from, old: { fence } }: Moving): DecidedMove['fence'] {
  const { strength, fenced, possible, of = controlled(group, from) } = fence;
  return { strength: fenced || possible ? strength : 'none', by: fencedBy(group, from), of };
}

function oldPrimary(facts: Moving['old']): OldPrimary {
  const state = stateOf(facts);
  return state === 'primary' ? 'answers' : state === 'silent' ? 'gone' : state;
}

function systemOf({ next, old, restore }: Moving, facts: MoveFacts): Pick<DecidedMove, 'systemId' | 'timeline'> {
  const bucket = ifKnown(facts.bucket);
  if (restore) return { systemId: bucket?.systemId ?? null, timeline: bucket?.timeline ?? null };
  if (next.server.state !== 'answers') return { systemId: null, timeline: null };
  // a standby's own word comes from its control file, which follows later
  const { timeline } = old.server.state === 'answers' && stateOf(old) === 'primary' ? old.server : next.server;
  return { systemId: next.server.systemId, timeline };
}

interface Decision {
  decided: DecidedMove;
  against: readonly Blocker[];
  now: Date;
}

function moveOf(moving: Moving, facts: MoveFacts, request: MoveRequest, decision: Decision): PlannedMove {
  const { decided, against, now } = decision;
  const { group, mode, from, to, restore } = moving;
  const planHash = moveHash(decided);
  const loss = moveLoss(moving, facts, now);
  const requestedBy = request.requestedBy ?? 'somebody';
  const changes = notYet(movedBy(moving, facts), to);
  return {
    ...{ group: group.name, source: group.source, mode, from, to, gently: mode === 'switchover' },
    // who forces a lag has not been shown that there may be two primaries
    force: decided.force && decided.fence?.strength === 'none',
    ...{ restore, automatic: decided.automatic, planHash },
    planText: describeMove({ moving, facts, request, decided, against, loss, changes, planHash, now }),
    requestedBy,
    reason: request.reason ?? null,
    lostBytes: loss.bytes,
    healthyWithinSeconds: Math.ceil(group.healthyWithinMs / 1_000),
    rebuildAfter: mode === 'switchover' && canRebuild(group, from),
  };
}

/** By a task here, or by a document of Systems Manager on its machine. */
function canRebuild(group: FailoverGroup, name: string): boolean {
  const { server } = sitesOf(group).find((site) => site.name === name)!;
  if (server.kind !== 'postgres') return false;
  const { control } = server;
  return control.kind === 'local' || (control.kind === 'ec2' && control.rebuildDocument !== undefined);
}
