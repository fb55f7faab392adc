import { InputInvalid } from '#model/failure';
import { type Matcher, readMatcher } from './event-matcher.ts';
import type { Json } from './integration.ts';

/**
 * EventBridge's event patterns: a pattern has the form of the events that it matches, and lists in the place of values.
 * All fields have to match, one of the list's values each; `$or` is a list of patterns of which one has to. Numbers are
 * compared as numbers. Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export interface EventPattern {
  matches(event: Json): boolean;
}

/** @throws InputInvalid for what EventBridge refuses, and for `cidr`, which nothing here needs; `field` is for messages */
export function readEventPattern(pattern: Json, field = 'pattern'): EventPattern {
  const node = readNode(pattern, field);
  return { matches: (event) => matchesNode(node, event) };
}

interface PatternNode {
  fields: { name: string; value: PatternNode | Matcher[] }[];
  /** one of each group has to match */
  alternatives: PatternNode[][];
}

function readNode(pattern: Json | undefined, path: string): PatternNode {
  if (!isMap(pattern) || Object.keys(pattern).length === 0) {
    throw new InputInvalid(path, pattern, 'a map with at least one field, or a list of values');
  }
  const node: PatternNode = { fields: [], alternatives: [] };
  for (const [name, value] of Object.entries(pattern)) {
    const below = `${path}.${name}`;
    if (name === '$or') node.alternatives.push(readAlternatives(value, below));
    else if (Array.isArray(value)) node.fields.push({ name, value: readValues(value, below) });
    else node.fields.push({ name, value: readNode(value, below) });
  }
  return node;
}

function readAlternatives(value: Json, path: string): PatternNode[] {
  if (!Array.isArray(value) || value.length < 2) throw new InputInvalid(path, value, 'a list of at least two patterns');
  return value.map((pattern, index) => readNode(pattern, `${path}.${index}`));
}

function readValues(values: Json[], path: string): Matcher[] {
  if (values.length === 0) throw new InputInvalid(path, values, 'a list with at least one value');
  return values.map((value, index) => readMatcher(value, `${path}.${index}`));
}

function matchesNode(node: PatternNode, event: Json): boolean {
  // of a list of maps it has to be one and the same that has all the fields
  if (Array.isArray(event) && event.length > 0) return event.some((one) => matchesNode(node, one));
  const map = isMap(event) ? event : {};
  return (
    node.fields.every(({ name, value }) => matchesField(value, Object.hasOwn(map, name) ? map[name] : undefined)) &&
    node.alternatives.every((group) => group.some((one) => matchesNode(one, map)))
  );
}

function matchesField(value: PatternNode | Matcher[], found: Json | undefined): boolean {
  // fields below one that is not there are not there either
  if (!Array.isArray(value)) return matchesNode(value, found ?? {});
  const leaves = leavesOf(found);
  return value.some((matcher) => (matcher.absent ? leaves.length === 0 : leaves.some(matcher.matches)));
}

/** What a field says: nothing where it is missing or a map; for a list, what its elements say. */
function leavesOf(found: Json | undefined): Exclude<Json, object>[] {
  if (Array.isArray(found)) return found.flatMap(leavesOf);
  return found === undefined || isMap(found) ? [] : [found];
}

const isMap = (value: Json | undefined): value is { [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
