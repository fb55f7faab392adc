import type { Json } from './integration.ts';

type Members = { [key: string]: Json };

const longestName = 80;

/**
 * States of one scope that AWS refuses for their name or place: of a name that is too long or that another one has
 * anywhere in the machine, to which no state leads, and scopes that have no end. `seen`: the names so far, to which
 * these are added.
 */
export function checkGraph(startAt: Json | undefined, states: Members, where: string, seen: Set<string>): string[] {
  const problems: string[] = [];
  const targets = new Set<Json | undefined>([startAt, ...Object.values(states).flatMap(targetsOf)]);
  for (const name of Object.keys(states)) {
    if (seen.has(name)) problems.push(`${where}state ${name}: another state of the machine has this name`);
    if (!targets.has(name)) problems.push(`${where}state ${name}: no state leads to it`);
    if (name.length > longestName) problems.push(`${where}state ${name}: longer than ${longestName} characters`);
    seen.add(name);
  }
  if (!Object.values(states).some(isEnd)) problems.push(`${where}no state is an end`);
  return problems;
}

function targetsOf(state: Json): Json[] {
  const { Next, Default, Choices, Catch } = membersOf(state);
  const rules = [Choices, Catch].flatMap((list) => (Array.isArray(list) ? list : []));
  return [Next, Default, ...rules.map((rule) => membersOf(rule).Next)].filter((target) => target !== undefined);
}

function isEnd(state: Json): boolean {
  const { Type, End } = membersOf(state);
  return End === true || Type === 'Succeed' || Type === 'Fail';
}

const membersOf = (value: Json): Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
