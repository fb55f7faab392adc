import { InputInvalid } from '#model/failure';
import type { Json } from './integration.ts';

type Leaf = null | boolean | number | string;

/** One value of a pattern's list. */
export interface Matcher {
  matches(leaf: Leaf): boolean;
  /** `{"exists": false}`: it matches what is not there, and nothing else */
  absent?: true;
}

/** A value itself, or one operator in a map: `{"prefix": "a"}`. @throws InputInvalid */
export function readMatcher(value: Json, path: string): Matcher {
  if (isLeaf(value)) return { matches: (leaf) => leaf === value };
  const [operator, operand] = onlyEntry(value, path);
  const read = Object.hasOwn(operators, operator) ? operators[operator] : undefined;
  if (!read) throw new InputInvalid(path, operator, `a value, or one of ${Object.keys(operators).join(', ')}`);
  return read(operand, `${path}.${operator}`);
}

type Reader = (operand: Json, path: string) => Matcher;

const operators: Record<string, Reader> = {
  prefix: ofText((text) => (leaf) => leaf.startsWith(text), { ignoringCase: true }),
  suffix: ofText((text) => (leaf) => leaf.endsWith(text), { ignoringCase: true }),
  'equals-ignore-case': (operand, path) => equalsIgnoringCase(readText(operand, path)),
  wildcard: (operand, path) => wildcard(readText(operand, path), path),
  exists(operand, path) {
    if (typeof operand !== 'boolean') throw new InputInvalid(path, operand, 'true or false');
    return operand ? { matches: () => true } : { matches: () => false, absent: true };
  },
  numeric: (operand, path) => numeric(operand, path),
  'anything-but': (operand, path) => anythingBut(operand, path),
};

function ofText(
  make: (text: string) => (leaf: string) => boolean,
  { ignoringCase }: { ignoringCase: boolean },
): Reader {
  return (operand, path) => {
    if (ignoringCase && typeof operand === 'object') {
      const [operator, inner] = onlyEntry(operand, path);
      if (operator !== 'equals-ignore-case') throw new InputInvalid(path, operator, 'text, or equals-ignore-case');
      const matches = make(readText(inner, `${path}.${operator}`).toLowerCase());
      return { matches: (leaf) => typeof leaf === 'string' && matches(leaf.toLowerCase()) };
    }
    const matches = make(readText(operand, path));
    return { matches: (leaf) => typeof leaf === 'string' && matches(leaf) };
  };
}

function equalsIgnoringCase(text: string): Matcher {
  const wanted = text.toLowerCase();
  return { matches: (leaf) => typeof leaf === 'string' && leaf.toLowerCase() === wanted };
}

/** `*` is any text, also none; `\*` and `\\` are the letters themselves. */
function wildcard(text: string, path: string): Matcher {
  if (!/^(?:[^\\]|\\[*\\])*$/su.test(text)) throw new InputInvalid(path, text, '\\* or \\\\ after a backslash');
  const tokens = text.match(/\\.|[\s\S]/gu) ?? [];
  if (tokens.some((token, index) => token === '*' && tokens[index + 1] === '*')) {
    throw new InputInvalid(path, text, 'single asterisks');
  }
  const pieces = [''];
  for (const token of tokens) {
    if (token === '*') pieces.push('');
    else pieces[pieces.length - 1] += token.replace(/^\\(?=.)/u, '');
  }
  return { matches: (leaf) => typeof leaf === 'string' && fitsPieces(leaf, pieces) };
}

/** The first piece at the start, the last at the end, the others in between, each as early as it can be. */
function fitsPieces(leaf: string, pieces: readonly string[]): boolean {
  const [first, ...others] = pieces;
  const last = others.pop();
  if (last === undefined) return leaf === first;
  if (!leaf.startsWith(first!)) return false;
  let at = first!.length;
  for (const piece of others) {
    const found = leaf.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return leaf.length - last.length >= at && leaf.endsWith(last);
}

const comparisons: Record<string, (value: number, limit: number) => boolean> = {
  '=': (value, limit) => value === limit,
  '<': (value, limit) => value < limit,
  '<=': (value, limit) => value <= limit,
  '>': (value, limit) => value > limit,
  '>=': (value, limit) => value >= limit,
};

/** `[">", 0, "<=", 5]`: one comparison, or two that make a range. */
function numeric(operand: Json, path: string): Matcher {
  const allowed = 'a list of one or two of =, <, <=, >, >=, each with a number behind it';
  if (!Array.isArray(operand) || ![2, 4].includes(operand.length)) throw new InputInvalid(path, operand, allowed);
  const tests = [operand.slice(0, 2), operand.slice(2)].flatMap(([sign, limit]) => {
    if (sign === undefined) return [];
    const compare = typeof sign === 'string' && Object.hasOwn(comparisons, sign) ? comparisons[sign] : undefined;
    if (!compare || typeof limit !== 'number') throw new InputInvalid(path, operand, allowed);
    return [(value: number) => compare(value, limit)];
  });
  return { matches: (leaf) => typeof leaf === 'number' && tests.every((test) => test(leaf)) };
}

const excluding = ['prefix', 'suffix', 'equals-ignore-case', 'wildcard'];

/** A value, a list of texts or of numbers, or one operator for a text or a list of texts. */
function anythingBut(operand: Json, path: string): Matcher {
  if (typeof operand !== 'object' || operand === null || Array.isArray(operand)) {
    const values = Array.isArray(operand) ? operand : [operand];
    const kinds = new Set(values.map((value) => typeof value));
    if (kinds.size !== 1 || !(kinds.has('string') || kinds.has('number'))) {
      throw new InputInvalid(path, operand, 'texts, or numbers, or an operator');
    }
    return { matches: (leaf) => !values.includes(leaf) };
  }
  const [operator, inner] = onlyEntry(operand, path);
  if (!excluding.includes(operator)) throw new InputInvalid(path, operator, `one of ${excluding.join(', ')}`);
  const texts = Array.isArray(inner) ? inner : [inner];
  if (texts.length === 0) throw new InputInvalid(path, inner, 'at least one text');
  const excluded = texts.map((text) => operators[operator]!(readText(text, path), path));
  return { matches: (leaf) => !excluded.some((one) => one.matches(leaf)) };
}

function onlyEntry(value: Json, path: string): [string, Json] {
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  if (entries.length !== 1) throw new InputInvalid(path, value, 'a value, or a map with one operator');
  return entries[0]!;
}

function readText(operand: Json, path: string): string {
  if (typeof operand === 'string' && operand !== '') return operand;
  throw new InputInvalid(path, operand, 'a text that is not empty');
}

const isLeaf = (value: Json): value is Leaf => typeof value !== 'object' || value === null;
