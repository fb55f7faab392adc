import jsonata from 'jsonata';
import { type Scope, type State, targetsOf } from './machine-states.ts';

/** What an expression refers to: variables that it does not bind itself, and the functions that it calls. */
export interface References {
  variables: Set<string>;
  functions: Set<string>;
}

interface Node {
  type?: string;
  value?: unknown;
  [key: string]: unknown;
}

/** @throws what JSONata says is wrong with the expression */
export function referencesOf(expression: string): References {
  const found: References = { variables: new Set(), functions: new Set() };
  visit(jsonata(expression).ast() as unknown as Node, new Set(), found);
  return found;
}

/** Bindings hold from where they stand to the end of their block, and a function's parameters in its body. */
function visit(node: Node | readonly unknown[], bound: Set<string>, found: References): void {
  if (Array.isArray(node)) {
    for (const item of node) if (isNode(item)) visit(item, bound, found);
    return;
  }
  const { type, value, procedure, ...rest } = node as Node;
  if (type === 'variable' && typeof value === 'string' && value !== '' && !bound.has(value)) found.variables.add(value);
  if (isNode(procedure)) {
    if (procedure.type !== 'variable') visit(procedure, bound, found);
    else if (!bound.has(String(procedure.value))) found.functions.add(String(procedure.value));
  }
  const inner = type === 'block' || type === 'lambda' ? new Set(bound) : bound;
  if (type === 'lambda') for (const argument of rest.arguments as Node[]) inner.add(String(argument.value));
  if (type === 'bind') {
    visit(rest.rhs as Node, inner, found);
    bound.add(String((rest.lhs as Node).value));
    return;
  }
  for (const member of Object.values(rest)) if (isNode(member) || Array.isArray(member)) visit(member, inner, found);
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;

/** Functions of JSONata itself, and those that Step Functions adds; it has no $eval. */
export async function isKnownFunction(name: string): Promise<boolean> {
  if (name === 'eval') return false;
  const added = ['partition', 'range', 'hash', 'random', 'uuid', 'parse'];
  return added.includes(name) || (await jsonata(`$exists($${name})`).evaluate({})) === true;
}

/**
 * For each state, the variables that every way to it has assigned; `outer` are those of the scope around. What a state
 * assigns when it goes on is not assigned where a Catch leads.
 */
export function assignedAt({ StartAt, States }: Scope, outer: ReadonlySet<string>): Map<string, ReadonlySet<string>> {
  const known = new Map<string, ReadonlySet<string>>([[StartAt, outer]]);
  const queue = [StartAt];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const state: State | undefined = States[name];
    if (!state) continue;
    for (const { next, assign } of targetsOf(state)) {
      const arriving = new Set([...known.get(name)!, ...assign]);
      const before = known.get(next);
      const both = before ? new Set([...before].filter((variable) => arriving.has(variable))) : arriving;
      if (before && both.size === before.size) continue;
      known.set(next, both);
      queue.push(next);
    }
  }
  return known;
}
