import type { Json } from './integration.ts';

type Members = { [key: string]: Json };

/**
 * The variables that a scope of its own states has set when it comes to the one named: what is within that one may
 * read them, and AWS refuses a machine that sets them there again. What is set only behind it is not among them.
 */
export function variablesBefore(name: string, states: Members): string[] {
  const ways = Object.entries(states).flatMap(([from, state]) => waysOf(from, state));
  const before = new Set([name]);
  for (let known = 0; known < before.size; ) {
    known = before.size;
    for (const { from, to } of ways) if (before.has(to)) before.add(from);
  }
  return ways.filter(({ to }) => before.has(to)).flatMap(({ assigned }) => assigned);
}

interface Way {
  from: string;
  to: string;
  assigned: string[];
}

/** Out of a state, each with the variables that are set on it. */
function waysOf(from: string, state: Json): Way[] {
  const { Next, Default, Assign, Choices, Catch } = membersOf(state);
  const rules = [Choices, Catch].flatMap((list) => (Array.isArray(list) ? list.map(membersOf) : []));
  return [{ Next, Assign }, { Next: Default, Assign }, ...rules].flatMap((way) =>
    typeof way.Next === 'string' ? { from, to: way.Next, assigned: Object.keys(membersOf(way.Assign)) } : [],
  );
}

const membersOf = (value: Json | undefined): Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
