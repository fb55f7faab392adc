import { isDeepStrictEqual } from 'node:util';
import type jsonata from 'jsonata';
import { isExpression, parseExpression } from './expression.ts';
import type { Json } from './integration.ts';

type Members = { [key: string]: Json };
type Node = jsonata.ExprNode;

/** What of $states every expression sees; and which states have a result for their Output and Assign. */
const everywhere = ['input', 'context'];
const withResult = ['Task', 'Map', 'Parallel'];

/** Fields that hold texts alone, and those that hold states of their own. */
const texts = new Set(['Type', 'Comment', 'Next', 'Default', 'Resource', 'ErrorEquals', 'Retry', 'Label']);
const nested = new Set(['States', 'ItemProcessor', 'Branches']);

/** The expressions of a state for which AWS would not take the machine: what is not JSONata 2.0.6, or names nothing. */
export function checkQueries(state: Members, at: string, problems: string[]): void {
  for (const [field, template] of Object.entries(state)) {
    if (texts.has(field) || nested.has(field)) continue;
    if (Array.isArray(template) && (field === 'Choices' || field === 'Catch')) {
      const known = field === 'Catch' ? [...everywhere, 'errorOutput'] : everywhere;
      template.forEach((rule, index) => {
        for (const [key, part] of Object.entries(rule ?? {}))
          if (!texts.has(key)) checkTemplate(part, `${at}${field}[${index}]/${key} `, known, problems);
      });
      continue;
    }
    const ownResult = withResult.includes(state.Type as string) && (field === 'Output' || field === 'Assign');
    checkTemplate(template, `${at}${field} `, ownResult ? [...everywhere, 'result'] : everywhere, problems);
  }
}

function checkTemplate(template: Json, where: string, known: readonly string[], problems: string[]): void {
  if (typeof template === 'string') {
    if (isExpression(template))
      for (const problem of problemsOf(template, known)) problems.push(`${where}${problem}: ${template}`);
    else if ((template as string).startsWith('{%'))
      problems.push(`${where}begins with {% but does not end with %}: ${template}`);
  } else if (Array.isArray(template)) {
    template.forEach((item, index) => {
      checkTemplate(item, `${where}[${index}] `, known, problems);
    });
  } else if (template !== null && typeof template === 'object') {
    for (const [key, part] of Object.entries(template)) checkTemplate(part, `${where}${key} `, known, problems);
  }
}

function problemsOf(template: string, known: readonly string[]): Set<string> {
  try {
    const root = parseExpression(template);
    return new Set([...contextNames(root), ...unknownParts(root, known)]);
  } catch (failure) {
    return new Set([`is not JSONata: ${(failure as Error).message}`]);
  }
}

/**
 * Names that are looked up in the document, which an expression of a state does not have. Only the first step of a path
 * is; what follows, predicates and groups are looked up in what comes before them.
 */
function* contextNames(node: Node | undefined): Generator<string> {
  if (!node) return;
  const all = function* (nodes: readonly (Node | undefined)[] | undefined) {
    for (const one of nodes ?? []) yield* contextNames(one);
  };
  const { lhs, rhs, then, else: otherwise, condition, body, procedure, expression } = node as Node & Syntax;
  switch (node.type as string) {
    case 'path':
      return yield* contextNames(node.steps?.[0]);
    case 'name':
      return yield `names ${node.value}, but there is no document to look it up in: expected $states.input or a variable`;
    case 'variable':
      if (node.value === '') yield 'names $, but there is no document: expected $states.input';
      return;
    case 'unary':
      yield* contextNames(expression);
      yield* all(node.expressions);
      return yield* all(Array.isArray(lhs) ? lhs.flat() : []);
    case 'function':
    case 'partial':
      yield* contextNames(procedure);
      return yield* all(node.arguments);
    case 'block':
      return yield* all(node.expressions);
    case 'bind':
      return yield* contextNames(rhs);
    case 'binary':
    case 'apply':
    case 'condition':
    case 'lambda':
      return yield* all([lhs as Node | undefined, rhs, condition, then, otherwise, body]);
  }
}

/** Parts of the tree that the type of the library leaves out. */
interface Syntax {
  lhs?: Node | Node[][];
  rhs?: Node;
  condition?: Node;
  then?: Node;
  else?: Node;
  body?: Node;
  procedure?: Node;
  expression?: Node;
}

/** Wherever they stand: operators that came after JSONata 2.0.6, `$$`, and fields that $states does not have there. */
function* unknownParts(part: unknown, known: readonly string[]): Generator<string> {
  if (typeof part !== 'object' || part === null) return;
  for (const inner of Object.values(part)) yield* unknownParts(inner, known);
  const { type, value, steps, condition, then } = part as Node & Syntax;
  if (type === 'variable' && value === '$') yield 'names $$, but there is no document: expected $states.input';
  const [first, second] = steps ?? [];
  if (
    first?.type === 'variable' &&
    first.value === 'states' &&
    second?.type === 'name' &&
    !known.includes(second.value)
  )
    yield `names $states.${second.value}, which is not there: expected ${known.join(', ')}`;
  if ((type as string) !== 'condition') return;
  // the parser makes conditions of them: of a call that stands nowhere, or of the same place twice
  if (condition?.type === 'function' && condition.position === undefined)
    yield 'has the operator ??, which AWS does not know';
  else if (isDeepStrictEqual(condition, then)) yield 'has the operator ?:, which AWS does not know';
}
