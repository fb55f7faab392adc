import { type Json, StatesError } from '#local/integration';
import type { FailoverWorld } from './failover-world.ts';
import type { Faults, Question } from './fault-engine.ts';
import { approvers } from './say-yes.ts';
import { describeEnd, settle } from './settle.ts';

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const badLucks = [
  'none',
  'the primary dies',
  'the primary hangs',
  'the primary comes back while people are asked',
  'the primary is started again while it is moved',
  'the engine is killed',
  'an answer is lost',
  'the fence fails',
  'the promotion answers too late',
  'names are pending for long',
  'names are refused',
  'two at once',
  'a no',
  'a yes of who asked, then of somebody else',
  'a yes to another plan, then to this one',
  'a yes that comes twice',
] as const;
export type BadLuck = (typeof badLucks)[number];

export interface RunOutcome {
  seed: number;
  move: 'failover' | 'switchover';
  luck: BadLuck[];
  /** how the executions ended */
  ends: string[];
  /** of a move without loss: rows that were acknowledged before its end and are not there */
  lostRows: number[];
}

/** One random move with random bad luck. Whatever happens, the servers are one primary and a standby of it afterwards. */
export async function randomMove(world: FailoverWorld, seed: number): Promise<RunOutcome> {
  const random = randomNumbers(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const move = random() < 0.5 ? 'failover' : 'switchover';
  const luck = [...new Set([pick(badLucks), ...(random() < 0.4 ? [pick(badLucks)] : [])])];
  const has = (one: BadLuck) => luck.includes(one);
  const primary = (await world.primary())!;
  const to = world.other(primary.name).name;
  const ends: string[] = [];
  const name = `run-${seed}`;
  if (has('the primary dies')) await primary.kill();
  if (has('the primary hangs')) signalAll(primary.processes(), 'SIGSTOP');
  world.faults = {
    ...(has('the fence fails') ? { fenceFails: true } : {}),
    ...(has('the promotion answers too late') ? { promotionAnswersLost: 1 } : {}),
    ...(has('names are pending for long') ? { namesPending: 5 } : {}),
    ...(has('names are refused') ? { namesRefused: true } : {}),
  };
  const lostCall = Math.floor(random() * 8);
  let calls = 0;
  const faults: Faults = {
    async before(call) {
      const restarts = has('the primary is started again while it is moved') && call.name !== 'plan-failover';
      if (restarts && random() < 0.5 && !primary.running()) await primary.start().catch(() => undefined);
    },
    async after() {
      if (has('an answer is lost') && calls++ === lostCall) throw lostAnswer();
    },
    asked: (question) => answer(question, { world, luck, primary }),
  };
  const input: Json = { group: 'shop', to, planned: move === 'switchover', requestedBy: approvers[0] };
  const afterCalls = Math.floor(random() * 15);
  const when = random() < 0.5 ? 'before' : 'after';
  const death = has('the engine is killed') ? { death: { afterCalls, when } as const } : {};
  const second = has('two at once') ? world.engine.run('failover', input, `${name}-other`, { faults }) : undefined;
  let end = await world.engine.run('failover', input, name, {
    faults,
    ...death,
  });
  if (end === 'killed') end = await world.engine.run('failover', input, name, { faults });
  ends.push(...[end, ...(second ? [await second] : [])].map(describeEnd));
  world.faults = {};
  signalAll(primary.processes(), 'SIGCONT');
  const kept = move === 'switchover' && !has('the primary dies') && !has('the primary hangs');
  ends.push(...(await settle(world, name, [`${move} (${luck.join(', ')})`, ...ends])));
  const now = (await world.primary())!;
  const lostRows = kept ? await world.watch.lost(now) : [];
  await world.watch.forgetLost(now);
  return { seed, move, luck, ends, lostRows };
}

interface Scene {
  world: FailoverWorld;
  luck: readonly BadLuck[];
  primary: { running(): boolean; start(): Promise<void>; processes(): number[] };
}

async function answer(question: Question, { luck, primary }: Scene): Promise<void> {
  const [who, other] = approvers;
  if (luck.includes('the primary comes back while people are asked')) {
    signalAll(primary.processes(), 'SIGCONT');
    if (!primary.running()) await primary.start().catch(() => undefined);
  }
  if (luck.includes('a no')) return void (await question.answer({ decision: 'reject', by: other }));
  if (luck.includes('a yes of who asked, then of somebody else')) {
    const { error } = await question.answer({ decision: 'approve', by: who });
    if (error !== 'ApprovalRefused') throw new Error(`who asks could say yes: ${error}`);
  }
  if (luck.includes('a yes to another plan, then to this one')) {
    const { error } = await question.answer({ decision: 'approve', by: other, plan: 'ab'.repeat(32) });
    if (error === undefined) throw new Error('a yes to another plan counted');
  }
  await question.answer({ decision: 'approve', by: other });
  if (luck.includes('a yes that comes twice')) await question.answer({ decision: 'approve', by: other });
}

/** As Lambda's client tells it: the function may have done everything. */
const lostAnswer = () => new StatesError('Lambda.SdkClientException', 'Unable to execute HTTP request: Read timed out');

function signalAll(pids: readonly number[], signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
