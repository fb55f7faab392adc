import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A machine's definition, as far as a runbook tells of it: statemachines/<name>.asl.json. */
export interface Machine extends Scope {
  name: string;
  Comment?: string;
  TimeoutSeconds?: number;
}

/** A machine, or what a Map or a Parallel in it runs. */
export interface Scope {
  StartAt: string;
  States: Readonly<Record<string, State>>;
}

export interface State {
  Type: string;
  Comment?: string;
  Next?: string;
  End?: boolean;
  Default?: string;
  Choices?: readonly { Next: string }[];
  Resource?: string;
  Arguments?: unknown;
  Seconds?: unknown;
  TimeoutSeconds?: unknown;
  Retry?: readonly Retrier[];
  Catch?: readonly { ErrorEquals: readonly string[]; Next: string }[];
  ItemProcessor?: Scope;
  Branches?: readonly Scope[];
}

export interface Retrier {
  ErrorEquals: readonly string[];
  IntervalSeconds?: number;
  MaxAttempts?: number;
  BackoffRate?: number;
  MaxDelaySeconds?: number;
}

const ending = '.asl.json';

/** All that there are in this folder, by name: one that is added later is among them. */
export const machineNames = (folder: string): string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length))
    .sort();

export const readMachine = (folder: string, name: string): Machine => ({
  ...JSON.parse(readFileSync(join(folder, `${name}${ending}`), 'utf8')),
  name,
});

export const innerScopes = ({ ItemProcessor, Branches }: State): readonly Scope[] => [
  ...(ItemProcessor ? [ItemProcessor] : []),
  ...(Branches ?? []),
];

/** Every state, wherever it stands. */
export const allStates = ({ States }: Scope): [name: string, state: State][] =>
  Object.entries(States).flatMap(([name, state]): [string, State][] => [
    [name, state],
    ...innerScopes(state).flatMap(allStates),
  ]);
