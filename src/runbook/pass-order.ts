import type { Scope, State } from '#runbook/machine';

export interface PassOrder {
  /** on the ways that end well, in the order in which they are passed */
  well: string[];
  /** what is only come to when something fails, or somebody says no; in the order in which that is passed */
  badly: string[];
}

/** In which order the states of one scope are passed. What can be left out, and what is gone back to, stands where it first can be. */
export function passOrder({ StartAt, States }: Scope): PassOrder {
  const wellEnding = leadingWell(States);
  const well = ordered(StartAt, (name) => nextOf(States[name]!).filter((next) => wellEnding.has(next)));
  const passed = new Set(well);
  const rest = ordered(StartAt, (name) => [...nextOf(States[name]!), ...caughtBy(States[name]!)]);
  return { well, badly: rest.filter((name) => !passed.has(name)) };
}

/** The states from which a good end is reached while nothing fails. */
function leadingWell(states: Scope['States']): ReadonlySet<string> {
  const good = new Set(
    Object.entries(states).flatMap(([name, { Type, End }]) => (Type === 'Succeed' || End ? [name] : [])),
  );
  for (let before = -1; before !== good.size; ) {
    before = good.size;
    for (const [name, state] of Object.entries(states))
      if (nextOf(state).some((next) => good.has(next))) good.add(name);
  }
  return good;
}

/** A state stands before what follows it, unless it is itself come back to from there. */
function ordered(start: string, follow: (name: string) => readonly string[]): string[] {
  const seen = new Set<string>();
  const order: string[] = [];
  const visit = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    for (const next of follow(name).toReversed()) visit(next);
    order.unshift(name);
  };
  visit(start);
  return order;
}

/** Where it goes when nothing fails; what is usual comes first. */
export const nextOf = ({ Next, Default, Choices = [] }: State): string[] =>
  [Next, ...Choices.map((choice) => choice.Next), Default].filter((name) => name !== undefined);

export const caughtBy = ({ Catch = [] }: State): string[] => Catch.map(({ Next }) => Next);
