import { formatDuration } from '#model/duration';
import { afterMachine, beginMachine } from '#runbook/begin-machine';
import { type CalledService, calledBy } from '#runbook/called-service';
import { documentedFailures } from '#runbook/documented-failures';
import { allStates, innerScopes, type Machine, type Scope, type State } from '#runbook/machine';
import { type Item, type Section, sectionOf } from '#runbook/page';
import { caughtBy, passOrder } from '#runbook/pass-order';
import { describeRetry } from '#runbook/retried';
import { undoes } from '#runbook/undoing';

export interface MachineSurroundings {
  /** commands that begin what has the machine's name */
  hasCommand(name: string): boolean;
  /** when it begins by itself, in words */
  schedules: readonly string[];
  /** else what only AWS fails with is left out */
  onAws: boolean;
}

/** What a machine does and what may be done about it, made of its definition alone. Commands are not filled in yet. */
export function machineSections(machine: Machine, { hasCommand, schedules, onAws }: MachineSurroundings): Section[] {
  const own = hasCommand(machine.name) ? [[machine.name, '--help']] : [];
  const begin = beginMachine[machine.name] ?? own;
  const after = afterMachine[machine.name] ?? [];
  const { well, badly, numbers } = numbered(machine);
  const lifeboat = (argv: readonly string[]) => ({ argv: ['lifeboat', ...argv] });
  return [
    ...sectionOf('about', 'What it does', [
      { text: machine.Comment ?? '' },
      machine.TimeoutSeconds === undefined
        ? undefined
        : { text: `It ends by itself after ${formatDuration(machine.TimeoutSeconds * 1000)}, whatever happens.` },
    ]),
    ...sectionOf('begin', 'How it begins', [
      ...schedules.map((text) => ({ text })),
      begin.length === 0 ? undefined : { text: 'By hand:', commands: begin.map(lifeboat) },
      schedules.length === 0 && begin.length === 0 ? { text: 'Another machine, or an event, begins it.' } : undefined,
    ]),
    ...sectionOf(
      'steps',
      'What happens, in this order',
      well.map((one) => stepItem(one, numbers)),
    ),
    ...sectionOf(
      'failing',
      'When something fails, or somebody says no',
      badly.map((one) => withUndo(stepItem(one, numbers), one)),
    ),
    ...sectionOf('look', 'To look, to stop', [
      { text: 'What runs, what waits, what is wrong:', commands: [lifeboat(['status'])] },
      { text: 'What it did so far, with each failure and why:', commands: [lifeboat(['executions', '$EXECUTION'])] },
      {
        text: 'End it. What is committed stays; what is not never counts.',
        commands: [lifeboat(['stop', '$EXECUTION', '--reason', '$REASON'])],
      },
    ]),
    ...sectionOf('check', 'What to check afterwards', [
      ...(after.length === 0 ? [] : [{ text: 'What there is now:', commands: after.map(lifeboat) }]),
      {
        text: 'That it is in the evidence, and that nobody changed the evidence:',
        commands: [lifeboat(['evidence', 'verify'])],
      },
    ]),
    ...sectionOf('failures', 'What can go wrong', failureItems(machine, onAws)),
  ];
}

interface Numbered {
  name: string;
  state: State;
  /** that it stands in */
  scope: Scope;
  depth: number;
}

/** A step has its number wherever the page speaks of it, so that its name stands there once. */
function numbered(machine: Scope): { well: Numbered[]; badly: Numbered[]; numbers: ReadonlyMap<State, number> } {
  const well: Numbered[] = [];
  const badly: Numbered[] = [];
  walk(machine, 0, well, badly);
  const numbers = new Map([...well, ...badly].map(({ state }, index) => [state, index + 1]));
  return { well, badly, numbers };
}

function walk(scope: Scope, depth: number, well: Numbered[], badly: Numbered[]): void {
  const order = passOrder(scope);
  const add = (name: string, to: Numbered[]): void => {
    const state = scope.States[name]!;
    to.push({ name, state, scope, depth });
    for (const inner of innerScopes(state)) walk(inner, depth + 1, to, badly);
  };
  for (const name of order.well) if (tells(scope.States[name]!)) add(name, well);
  for (const name of order.badly) if (tells(scope.States[name]!)) add(name, badly);
}

/** A Pass only remembers something. */
const tells = ({ Type }: State): boolean => Type !== 'Pass';

function stepItem(one: Numbered, numbers: ReadonlyMap<State, number>): Item {
  const { name, state, depth } = one;
  const number = numbers.get(state)!;
  const details = [state.Comment, limits(state), fallsTo(one, numbers)].filter((text) => text !== undefined);
  return { number, text: name, ...(depth > 0 ? { depth } : {}), details };
}

const withUndo = (item: Item, { state }: Numbered): Item =>
  undoes(state) ? { ...item, details: ['This takes back what was begun.', ...(item.details ?? [])] } : item;

function limits(state: State): string | undefined {
  if (state.Type !== 'Task') return undefined;
  const { what, waits } = calledBy(state);
  const { TimeoutSeconds: seconds } = state;
  const most = typeof seconds === 'number' ? `${formatDuration(seconds * 1000)} at most` : undefined;
  const again = describeRetry(state);
  return [
    `(${[what, waits === 'answer' ? 'waits for a person' : undefined, most].filter(Boolean).join('; ')}`,
    again === undefined ? '; not asked again)' : `; asked again ${again})`,
  ].join('');
}

function fallsTo({ state, scope }: Numbered, numbers: ReadonlyMap<State, number>): string | undefined {
  const to = new Set(caughtBy(state).map((name) => firstThatTells(name, scope)));
  const steps = [...to].flatMap((next) => (next === undefined ? [] : [String(numbers.get(next))]));
  return steps.length === 0 ? undefined : `If it fails for good: on with step ${steps.join(' or ')}.`;
}

/** Past what only remembers something. */
function firstThatTells(name: string, scope: Scope): State | undefined {
  for (let state = scope.States[name]; state; state = scope.States[state.Next ?? '']) if (tells(state)) return state;
  return undefined;
}

/** Of everything that this machine calls, as it is documented and tested. */
function failureItems(machine: Machine, onAws: boolean): Item[] {
  const services = new Map<string, CalledService>();
  for (const [, state] of allStates(machine)) {
    if (state.Type !== 'Task') continue;
    const called = calledBy(state);
    services.set(called.service, called);
  }
  return [...services.keys()].map((service) => {
    const failures = (documentedFailures[service] ?? []).filter(({ error }) => onAws || !isOfAws.test(error));
    const told = (passes: boolean) =>
      [...new Set(failures.filter((failure) => failure.passes === passes).map(({ when }) => when))].join('; ');
    const details = [`Asked again, it may pass: ${told(true)}.`, `Lasts, somebody has to act: ${told(false)}.`];
    return { text: nameOf(service), details: details.filter((detail) => !detail.endsWith(': .')) };
  });
}

/** Errors that the API of a service answers with. */
const isOfAws = /^(?:Lambda|ECS|AmazonECS|SNS|StepFunctions|Sandbox|Runtime)\./;

const names: Readonly<Record<string, string>> = {
  lambda: 'A function (Lambda; without AWS the daemon itself)',
  ecs: 'A task (ECS; without AWS a process)',
  sns: 'A notice (SNS; without AWS the channels of the plan)',
  states: 'Another machine is started',
  'states.sync': 'Another machine is started and waited for',
};
const nameOf = (service: string): string => names[service] ?? `A call of ${service}`;
