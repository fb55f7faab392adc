import jsonata from 'jsonata';
import type { Json } from './integration.ts';
import { NotJson, toNamedJson } from './json-value.ts';
import { addStepFunctionsLibrary, memoryExceeded } from './step-functions-library.ts';

/** `$states` and the variables, by their names without `$`. */
export type Bindings = Readonly<Record<string, Json>>;

/** An expression has no value that a state could use. `field` is its place in the state: `Arguments/Items[0]/Id`. */
export class QueryFailed extends Error {
  override readonly name = 'QueryFailed';
  readonly field: string;

  /** `message` is worded as AWS does it */
  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/**
 * The template with each `{% expression %}` replaced by its value; it shares nothing with template and bindings.
 * @throws QueryFailed
 */
export async function evaluate(template: Json, field: string, bindings: Bindings): Promise<Json> {
  if (typeof template === 'string') return isExpression(template) ? query(template, field, bindings) : template;
  if (Array.isArray(template)) {
    const items: Json[] = [];
    for (const [at, item] of template.entries()) items.push(await evaluate(item, `${field}[${at}]`, bindings));
    return items;
  }
  if (template === null || typeof template !== 'object') return template;
  const members: [string, Json][] = [];
  for (const [key, member] of Object.entries(template))
    members.push([key, await evaluate(member, `${field}/${key}`, bindings)]);
  return Object.fromEntries(members);
}

/** Nothing may stand before or after it: `" {% 1 %}"` is a text. */
export const isExpression = (text: Json | undefined): text is string =>
  typeof text === 'string' && text.length >= 4 && text.startsWith('{%') && text.endsWith('%}');

export const expressionText = (template: string): string => template.slice(2, -2).trim();

/** Its syntax. @throws what JSONata says is wrong */
export const parseExpression = (template: string): jsonata.ExprNode => compile(expressionText(template)).ast();

async function query(template: string, field: string, bindings: Bindings): Promise<Json> {
  const text = expressionText(template);
  const says = (what: string) =>
    new QueryFailed(field, `The JSONata expression '${text}' specified for the field '${field}' ${what}`);
  let value: unknown;
  try {
    value = await compile(text).evaluate(undefined, bindings);
  } catch (failure) {
    throw says(`threw an error during evaluation${describe(failure as JsonataFailure)}`);
  }
  if (value === undefined) throw says('returned nothing (undefined).');
  try {
    return toNamedJson(value);
  } catch (failure) {
    if (!(failure instanceof NotJson || failure instanceof RangeError)) throw failure;
    throw says(`returned an unsupported result type: ${failure.message}.`);
  }
}

interface JsonataFailure {
  code?: string;
  message: string;
}

/** What one expression may take. AWS stops at the same depth; how long it waits is not documented. */
const limits = { stack: 100, timeout: 5_000 };

/** The largest value that AWS lets an expression make: 873,782 numbers, or so many characters. */
const mostBytes = 6_990_256;

function checkMemory(_node: unknown, _input: unknown, _environment: unknown, value: unknown): void {
  const bytes = Array.isArray(value) ? value.length * 8 : typeof value === 'string' ? value.length : 0;
  if (bytes > mostBytes) throw memoryExceeded();
}

const boundMessages: Record<string, string> = {
  D1011: 'Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive',
  D1012: 'Expression evaluation timeout: Check for infinite loop',
};

function describe({ code, message }: JsonataFailure): string {
  const bound = code && boundMessages[code];
  if (bound) return `: ${bound}`;
  return code ? `. ${code}: ${message}` : `: ${message}`;
}

const compiled = new Map<string, jsonata.Expression>();

/** What a process may keep: expressions come from the machines that it runs, which are few. */
const mostCompiled = 10_000;

function compile(text: string): jsonata.Expression {
  const known = compiled.get(text);
  if (known) return known;
  const expression = jsonata(text, limits);
  addStepFunctionsLibrary(expression);
  expression.assign(Symbol.for('jsonata.__evaluate_exit') as unknown as string, checkMemory);
  if (compiled.size >= mostCompiled) compiled.clear();
  compiled.set(text, expression);
  return expression;
}
