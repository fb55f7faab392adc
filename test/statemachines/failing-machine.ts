import { existsSync, readFileSync } from 'node:fs';
import { storeHistory } from '#harness/expiring-source';
import { MachineRun, type MachineRunOptions } from '#harness/machine-run';
import { addOwnSnapshot, home, managedScene } from '#harness/managed-scene';
import { StoredSource } from '#harness/stored-source';
import { StoredSystem } from '#harness/stored-system';
import type { Json, StatesError } from '#local/integration';
import { serviceOf } from '../check/aws-errors.ts';
import { innerScopes, type Machine, type Scope, type State } from '../check/machine-states.ts';
import { afterFailover, movePlace, nothingIsLeft, rebuildsPlaced } from './failover-scene.ts';
import { dumps, expires, finds, provesDump, restores, type Script, shows, takes } from './scripted-tasks.ts';

// a thousand buckets that live for a moment: in memory, where the machine has a place for files there
if (existsSync('/dev/shm')) process.env.TMPDIR = '/dev/shm';

/** What a machine is started with, and what its tasks and people do, when nothing fails that the test does not make fail. */
interface Scene {
  input: Json;
  tasks: Record<string, Script>;
}

const cleans: Script = (task, source) => (task.input.clean ? task.leave({ removed: [] }) : shows()(task, source));

/** The ways that a machine goes by itself; the first one is that on which all is well. */
export const scenes: Readonly<Record<string, readonly Scene[]>> = {
  backup: [{ input: {}, tasks: { 'base-backup': takes } }],
  verify: [
    { input: {}, tasks: { 'verify-part': finds() } },
    { input: { drill: false }, tasks: { 'verify-part': finds() } },
  ],
  drill: [{ input: {}, tasks: { drill: cleans } }],
  dump: [{ input: {}, tasks: { dump: dumps, 'prove-dump': provesDump() } }],
  restore: [{ input: { to: '/srv/restored' }, tasks: { restore: restores } }],
  failover: [
    { input: { planned: true }, tasks: { 'rebuild-standby': rebuildsPlaced } },
    { input: { to: 'west' }, tasks: { 'rebuild-standby': rebuildsPlaced } },
    { input: { rehearse: true }, tasks: { drill: cleans } },
  ],
  failback: [{ input: {}, tasks: { 'rebuild-standby': rebuildsPlaced } }],
  retention: [
    { input: {}, tasks: { expire: expires } },
    { input: { source: 'ledger' }, tasks: {} },
    { input: { most: true }, tasks: { expire: expires } },
    { input: { source: 'ledger', most: true }, tasks: {} },
  ],
  scrub: [{ input: {}, tasks: { 'verify-part': finds() } }],
  'system-recovery': [
    { input: {}, tasks: { restore: restores } },
    { input: { reason: 'its server is started' }, tasks: { restore: restores } },
  ],
  'rds-snapshot': [
    { input: { source: 'ledger' }, tasks: {} },
    { input: { source: 'books' }, tasks: {} },
  ],
  'rds-restore': [
    { input: { source: 'ledger', to: 'back' }, tasks: {} },
    { input: { source: 'ledger', to: 'back', snapshot: 'kept' }, tasks: {} },
    { input: { source: 'books', to: 'back', instanceClass: 'db.r6g.large' }, tasks: {} },
    { input: { source: 'books', to: 'back', instanceClass: 'db.r6g.large', snapshot: 'kept' }, tasks: {} },
  ],
};

/** What is made to fail: at each call of a state, or so many times. */
export interface Sabotage {
  state: string;
  answer: StatesError | { answer: Json };
  times?: number;
}

export interface MachineEnd {
  machine: string;
  status: string;
  error: string | undefined;
  /** in order, those of children included */
  entered: string[];
  /** how often each state called something */
  calls: Map<string, number>;
  notices: Record<string, Json>[];
  evidence: Record<string, Json>[];
}

/** One execution of a machine in a bucket of its own. */
export async function runFailing(machine: string, scene: Scene, sabotages: readonly Sabotage[]): Promise<MachineEnd> {
  const { source, remove } = await sceneOf(machine, scene);
  const calls = new Map<string, number>();
  const refuse: MachineRunOptions['refuse'] = ({ state, execution }) => {
    if (execution.machine !== machine) return undefined;
    const count = (calls.get(state) ?? 0) + 1;
    calls.set(state, count);
    const sabotage = sabotages.find((one) => one.state === state && count <= (one.times ?? Number.POSITIVE_INFINITY));
    return sabotage?.answer;
  };
  const tasks = Object.fromEntries(
    Object.entries(scene.tasks).map(([name, script]) => [name, (task: Parameters<Script>[0]) => script(task, source)]),
  );
  const run = new MachineRun({ source, tasks, refuse, answer: () => ({ decision: 'approve', by: 'grace' }) });
  try {
    const { status, error } = await run.run(machine, scene.input);
    const entered = run.entered.flatMap((one) => (one.machine === machine ? [one.state] : []));
    const [notices, evidence] = [run.notices, run.evidence];
    return { machine, status, error, entered, calls, notices, evidence };
  } finally {
    run.remove();
    await remove();
  }
}

/** A source that has a backup; for what is done in RDS, databases there that have snapshots. */
async function sceneOf(machine: string, { input }: Scene): Promise<{ source: StoredSource; remove(): unknown }> {
  if (machine === 'failback') return movePlace({ given: afterFailover });
  if (machine === 'failover') {
    const isRestore = (input as { to?: string }).to !== undefined;
    return movePlace({ group: '    rehearsal: { capacity: true }\n', given: isRestore ? nothingIsLeft : undefined });
  }
  const { most = false } = input as { most?: boolean };
  if (machine === 'retention' && (input as { source?: string }).source === 'ledger') {
    const { source, regions, remove } = await managedScene({ retention: '{ window: 7d }' });
    for (const age of most ? [100, 97, 96, 95, 94, 93, 1] : [100, 90, 1]) addOwnSnapshot(regions, source.now, age);
    return { source, remove };
  }
  if (machine === 'system-recovery') {
    const start = 'reason' in (input as object) ? { start: {} } : {};
    const stored = await StoredSystem.create({ sources: [{ source: 'main', ...start }] });
    return { source: stored.source, remove: () => stored.remove() };
  }
  if (machine.startsWith('rds-')) {
    const { source, regions, remove } = await managedScene();
    regions.looks = 0;
    regions.addSnapshot(home, 'instance', { id: 'kept', of: 'ledger-db' });
    regions.addSnapshot(home, 'cluster', { id: 'kept', of: 'books-cluster' });
    return { source, remove };
  }
  const source = await StoredSource.create({ more: 'retention: { window: 1d }\n' });
  if (machine === 'retention') await storeHistory(source, most ? 20 : 3, ['full']);
  await source.backup();
  await source.commit();
  return { source, remove: () => source.remove() };
}

export interface TaskState {
  name: string;
  /** as aws-errors.ts names it, or `states.sync` where the end of what it starts is waited for */
  service: string;
  state: State;
  /** how often Retry asks again for an error */
  retries(error: string): number;
}

/** Every Task of a machine, wherever it stands. */
export const taskStates = (machine: string): TaskState[] =>
  statesOf(machine).flatMap(([name, state]) => (state.Type === 'Task' ? [taskOf(name, state)] : []));

/** Those that do something, or end the machine. */
export const endStates = (machine: string): ReadonlySet<string> =>
  new Set(statesOf(machine).flatMap(([name, { Type }]) => (['Task', 'Fail', 'Succeed'].includes(Type) ? [name] : [])));

function statesOf(machine: string): [name: string, state: State][] {
  const file = new URL(`../../statemachines/${machine}.asl.json`, import.meta.url);
  return statesIn(JSON.parse(readFileSync(file, 'utf8')) as Machine);
}

const statesIn = ({ States }: Scope): [string, State][] =>
  Object.entries(States).flatMap(([name, state]): [string, State][] => [
    [name, state],
    ...innerScopes(state).flatMap(statesIn),
  ]);

function taskOf(name: string, state: State): TaskState {
  const [, integration = '', sync = ''] = /^arn:aws:states:::([\w:-]+?)(\.sync.*|\.waitForTaskToken)?$/.exec(
    state.Resource!,
  )!;
  const called = serviceOf(integration);
  const service = called === 'states' && sync !== '' ? 'states.sync' : called;
  const retries = (error: string): number => {
    const rule = (state.Retry ?? []).find(({ ErrorEquals }) => ErrorEquals?.includes(error));
    return rule ? (rule.MaxAttempts as number) : 0;
  };
  return { name, service, state, retries };
}
