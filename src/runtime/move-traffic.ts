import type { StepMemory } from '#catalog/failover-records';
import { TrafficNotMoved } from '#failover/failures';
import type { Movable } from '#failover/movable';
import { Failure, LeaseHeld } from '#model/failure';
import type { MovingGroup } from '#runtime/moving-group';

export type MovedPart = Movable['part'];

export interface MovedTraffic {
  /** whether everybody sees all of it by now */
  settled: boolean;
  moved: { what: string; before: string | null; after: string | null }[];
  /** what belongs to the site that is gone and could not be changed */
  skipped: { what: string; why: string }[];
  /** what is not there yet, and why, in words */
  pending: { what: string; why: string }[];
}

export interface TrafficAsked {
  execution: string;
  part: MovedPart;
  /** the site that has the primary */
  to: string;
  /** what belongs to the other site may fail */
  tolerate: boolean;
  /** only what belongs to this site: a rehearsal takes nothing from the other one */
  only?: string;
}

/**
 * Have a part of what follows the primary be as it is for `to`: asked again until all of it is settled. What was before is
 * stored before anything is changed. @throws LeaseHeld, and what keeps it from being changed for good
 */
export async function moveTraffic(
  moving: MovingGroup,
  asked: TrafficAsked,
  signal: AbortSignal,
): Promise<MovedTraffic> {
  const { execution, part, to } = asked;
  await moving.hold(execution, { yields: isRehearsal(asked) });
  const movables = await chosen(moving, asked);
  const memory = await moving
    .remember(execution, part, () => lookAll(movables, asked, signal))
    .catch((failure: Error) => failure);
  if (memory instanceof TrafficNotMoved) return notYet(memory);
  if (memory instanceof Error) throw memory;
  const moves = movables.flatMap((movable): Move[] =>
    memory[movable.what]?.unread === undefined ? [{ movable, value: movable.wanted(to) }] : [],
  );
  const unread = movables.flatMap(({ what }) => {
    const why = memory[what]?.unread;
    return why === undefined ? [] : [{ what, why: String(why) }];
  });
  const put = await putAll(moving, { ...asked, step: part, memory, moves }, signal);
  return { ...put, skipped: [...unread, ...put.skipped] };
}

const notYet = ({ subject, message }: TrafficNotMoved): MovedTraffic => ({
  ...{ settled: false, moved: [], skipped: [] },
  pending: [{ what: subject, why: message }],
});

/**
 * Put back what was before; asked again until all of it is settled. Nothing where the step never began. What a rehearsal raised
 * waits for a real move that came in between, and stays where that one has made it right. @throws LeaseHeld
 */
export async function undoTraffic(
  moving: MovingGroup,
  asked: TrafficAsked,
  signal: AbortSignal,
): Promise<MovedTraffic> {
  const { execution, part } = asked;
  const memory = await moving.recall(execution, part);
  if (!memory) return { settled: true, moved: [], skipped: [], pending: [] };
  const kept = isRehearsal(asked) ? await whyKept(moving, asked, signal) : await moving.hold(execution);
  if (kept) return kept;
  const moves = (await chosen(moving, asked)).flatMap((movable): Move[] => {
    const before = memory[movable.what];
    return before === undefined || before.value === undefined
      ? []
      : [{ movable, value: before.value as string | null }];
  });
  return putAll(moving, { ...asked, step: `${part}-back`, memory, moves }, signal);
}

const isRehearsal = ({ only }: TrafficAsked): boolean => only !== undefined;

async function whyKept(
  moving: MovingGroup,
  asked: TrafficAsked,
  signal: AbortSignal,
): Promise<MovedTraffic | undefined> {
  const { execution, part, to } = asked;
  const none = { settled: false, moved: [], skipped: [], pending: [] };
  try {
    await moving.hold(execution, { yields: true });
  } catch (failure) {
    if (!(failure instanceof LeaseHeld)) throw failure;
    return { ...none, pending: [{ what: part, why: `a real move goes on: ${failure.message}` }] };
  }
  const { server, fence } = await (await moving.server(to)).look(signal);
  if (server.state !== 'answers' || server.role !== 'primary' || fence.fenced) return undefined;
  const why = `${to} has the primary by now, and needs it`;
  return { ...none, settled: true, skipped: (await chosen(moving, asked)).map(({ what }) => ({ what, why })) };
}

/** What would keep each of them from being put, in words; changes nothing. */
export async function checkTraffic(moving: MovingGroup, signal: AbortSignal): Promise<string[]> {
  const problems: string[] = [];
  for (const movable of await moving.movables()) {
    const found = await movable.check(signal).catch((failure: Error) => {
      if (failure instanceof Failure) return [failure.message];
      throw failure;
    });
    problems.push(...found.map((problem) => `${movable.what}: ${problem}`));
  }
  return problems;
}

type Before = StepMemory['before'];

interface Move {
  movable: Movable;
  value: string | null;
}

/** The site that gets the primary is raised before the other one is lowered. */
async function chosen(moving: MovingGroup, { part, to, only }: TrafficAsked): Promise<Movable[]> {
  const all = (await moving.movables()).filter(
    (one) => one.part === part && (only === undefined || one.site === undefined || one.site === only),
  );
  const isOther = ({ site }: Movable) => site !== undefined && site !== to;
  return [...all.filter((one) => !isOther(one)), ...all.filter(isOther)];
}

const maySkip = ({ site }: Movable, { tolerate, to }: TrafficAsked, failure: unknown): failure is Failure =>
  tolerate && site !== undefined && site !== to && failure instanceof Failure;

async function lookAll(movables: readonly Movable[], asked: TrafficAsked, signal: AbortSignal): Promise<Before> {
  const before: Before = {};
  for (const movable of movables) {
    try {
      before[movable.what] = { value: await movable.read(signal) };
    } catch (failure) {
      if (!maySkip(movable, asked, failure)) throw failure;
      before[movable.what] = { unread: failure.message };
    }
  }
  return before;
}

async function putAll(
  moving: MovingGroup,
  asked: TrafficAsked & { step: string; memory: Before; moves: readonly Move[] },
  signal: AbortSignal,
): Promise<MovedTraffic> {
  const { memory, moves } = asked;
  const result: MovedTraffic = { settled: true, moved: [], skipped: [], pending: [] };
  for (const [index, move] of moves.entries()) {
    const { what } = move.movable;
    try {
      const change = await putOnce(moving, { ...asked, index, move }, signal);
      const seen = change === null || (await move.movable.settled(change, signal));
      result.moved.push({ what, before: (memory[what]?.value ?? null) as string | null, after: move.value });
      if (!seen) result.pending.push({ what, why: 'not everybody sees the change yet' });
    } catch (failure) {
      if (maySkip(move.movable, asked, failure)) result.skipped.push({ what, why: failure.message });
      else if (failure instanceof TrafficNotMoved) result.pending.push({ what, why: failure.message });
      else throw failure;
    }
  }
  return { ...result, settled: result.pending.length === 0 };
}

/**
 * What `settled` is asked about is that of the first put: another put would be another change, that everybody has to hear of
 * from the beginning.
 */
async function putOnce(
  moving: MovingGroup,
  { execution, step, index, move }: { execution: string; step: string; index: number; move: Move },
  signal: AbortSignal,
): Promise<string | null> {
  const { movable, value } = move;
  const name = `${step}-${index}-put`;
  const known = (await moving.recall(execution, name))?.[movable.what];
  if (known) return known.change as string | null;
  const change = await movable.put(value, signal);
  await moving.remember(execution, name, async () => ({ [movable.what]: { change } }));
  return change;
}
