import { type Json, StatesError } from '#local/integration';
import type { FailoverWorld } from './failover-world.ts';
import type { Death, Faults, Question } from './fault-engine.ts';
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
  'the health never comes',
  'the standby is paused',
  'the promotion is refused',
  'two at once',
  'a no',
  'a yes of who asked, then of somebody else',
  'a yes to another plan, then to this one',
  'a yes that comes twice',
] as const;
export type BadLuck = (typeof badLucks)[number];

type Move = 'failover' | 'switchover' | 'failback';

export interface RunOutcome {
  seed: number;
  move: Move;
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
  const luck = [...new Set([pick(badLucks), ...(random() < 0.4 ? [pick(badLucks)] : [])])];
  const has = (one: BadLuck) => luck.includes(one);
  const primary = (await world.primary())!;
  const isAway = primary.name !== world.pair.east.name;
  const away: readonly Move[] = ['failover', 'switchover', 'failback'];
  const move = pick(isAway ? away : away.slice(0, 2));
  const standby = world.other(primary.name);
  const ends: string[] = [];
  const name = `run-${seed}`;
  if (has('the health never comes')) await primary.query('create table sick ()');
  if (has('the standby is paused')) await standby.query('select pg_wal_replay_pause()');
  if (has('the primary dies')) await primary.kill();
  if (has('the primary hangs')) signalAll(primary.processes(), 'SIGSTOP');
  world.faults = {
    ...(has('the fence fails') ? { fenceFails: true } : {}),
    ...(has('the promotion answers too late') ? { promotionAnswersLost: 1 } : {}),
    ...(has('the promotion is refused') ? { promotionRefused: true } : {}),
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
  const asked = { group: 'shop', requestedBy: approvers[0] };
  const planned: Json = { ...asked, to: standby.name, planned: move !== 'failover' };
  const run = (options: { death?: Death }) =>
    world.engine.run(
      move === 'failback' ? 'failback' : 'failover',
      move === 'failback' ? asked : planned,
      ...([name, { faults, ...options }] as const),
    );
  const afterCalls = Math.floor(random() * (move === 'failback' ? 20 : 15));
  const when = random() < 0.5 ? 'before' : 'after';
  const death = has('the engine is killed') ? { death: { afterCalls, when } as const } : {};
  const second = has('two at once') ? world.engine.run('failover', planned, `${name}-other`, { faults }) : undefined;
  let end = await run(death);
  if (end === 'killed') end = await run({});
  ends.push(...[end, ...(second ? [await second] : [])].map(describeEnd));
  world.faults = {};
  signalAll(primary.processes(), 'SIGCONT');
  const cure = 'drop table if exists sick';
  await (await world.primary())?.query(cure);
  if (has('the standby is paused')) await standby.query('select pg_wal_replay_resume()').catch(() => undefined);
  const kept = move !== 'failover' && !has('the primary dies') && !has('the primary hangs');
  ends.push(...(await settle(world, name, [`${move} (${luck.join(', ')})`, ...ends])));
  const now = (await world.primary())!;
  await now.query(cure);
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
