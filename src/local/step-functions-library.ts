import { createHash, randomUUID } from 'node:crypto';
import type jsonata from 'jsonata';
import type { Json } from './integration.ts';
import { JsonUnreadable, readJson } from './read-json.ts';

/**
 * What Step Functions adds to JSONata, what it does in its own way, and the one function that it takes away.
 * https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn
 */
export function addStepFunctionsLibrary(expression: jsonata.Expression): void {
  expression.registerFunction('partition', partition, '<x-n?:a>');
  expression.registerFunction('range', range, '<n-nn?:a>');
  expression.registerFunction('hash', hash);
  expression.registerFunction('random', random, '<n?:n>');
  expression.registerFunction('uuid', () => randomUUID(), '<:s>');
  expression.registerFunction('parse', parse, '<s-:x>');
  expression.registerFunction('base64encode', base64encode, '<s-:s>');
  expression.registerFunction('base64decode', base64decode, '<s-:s>');
  expression.registerFunction('decodeUrlComponent', decodeUrlComponent, '<s-:s>');
  expression.assign('eval', undefined);
}

/** Numbers are cut to whole ones, and nothing to give is nothing (undefined), as on AWS. */
function partition(list: unknown, size: number | undefined): unknown[][] | undefined {
  if (list === undefined) return undefined;
  // JSONata's own words for it, which name no type here
  if (!Array.isArray(list)) throw { code: 'T0412', token: 'partition', index: 1 };
  if (size === undefined) return [list];
  const step = Math.trunc(size);
  if (step < 0) throw invalid('Second argument must be zero or greater');
  if (step === 0 || list.length === 0) return undefined;
  return Array.from({ length: Math.ceil(list.length / step) }, (_, at) => list.slice(at * step, (at + 1) * step));
}

/** AWS gives up here for want of memory. */
const longestRange = 360_145;

/** As AWS words it when an expression needs more memory than it may have. */
export const memoryExceeded = (): Error =>
  new Error('Expression evaluation memory limit exceeded: Check for excessive memory usage');

/** Both ends belong to it. It is a JSONata sequence: one number alone is that number and not a list of one. */
function range(from: number | undefined, to: number | undefined, by: number | undefined): number[] | undefined {
  if (from === undefined || to === undefined || by === undefined) return undefined;
  const [first, last, step] = [Math.trunc(from), Math.trunc(to), Math.trunc(by)];
  const length = step === 0 ? 0 : Math.max(0, Math.floor((last - first) / step) + 1);
  if (length > longestRange) throw memoryExceeded();
  const numbers = Array.from({ length }, (_, at) => first + at * step);
  return Object.defineProperty(numbers, 'sequence', { value: true });
}

const algorithms = new Map([
  ['SHA-1', 'sha1'],
  ['SHA-384', 'sha384'],
  ['SHA-256', 'sha256'],
  ['SHA-512', 'sha512'],
  ['MD5', 'md5'],
]);

/** No algorithm gives nothing, one that is nothing (undefined) fails: a signature would not tell them apart. */
function hash(...given: unknown[]): string | undefined {
  const wrong = given.length === 0 ? 0 : given.findIndex((value, at) => at > 1 || !isTextOrNothing(value));
  if (wrong !== -1) throw { code: 'T0410', token: 'hash', index: wrong + 1 };
  const [text, algorithm = 'null'] = given as string[];
  if (text === undefined || given.length === 1) return undefined;
  const name = algorithms.get(algorithm);
  if (!name) throw invalid(`Hash algorithm '${algorithm}' must be one of ${[...algorithms.keys()].join(', ')}`);
  return createHash(name).update(text).digest('hex');
}

const isTextOrNothing = (value: unknown): boolean => value === undefined || typeof value === 'string';

/** With a seed the first number of java.util.Random, which is what AWS draws from. */
function random(seed: number | undefined): number {
  if (seed === undefined) return Math.random();
  const multiplier = 0x5deece66dn;
  let state = BigInt.asUintN(48, BigInt(Math.trunc(seed)) ^ multiplier);
  const next = (bits: bigint): bigint => {
    state = BigInt.asUintN(48, state * multiplier + 0xbn);
    return state >> (48n - bits);
  };
  const high = next(26n) << 27n;
  return Number(high + next(27n)) / 2 ** 53;
}

function parse(text: string | undefined): Json | undefined {
  if (text === undefined) return undefined;
  try {
    return readJson(text);
  } catch (failure) {
    if (failure instanceof JsonUnreadable || failure instanceof RangeError) throw invalid('Invalid JSON');
    throw failure;
  }
}

/** JSONata's own takes a text for Latin-1. */
const base64encode = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : Buffer.from(text).toString('base64');

function base64decode(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new Error('the text is not base64');
  return Buffer.from(text, 'base64').toString();
}

/** A plus is a space, and bytes that are no UTF-8 are U+FFFD. */
function decodeUrlComponent(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (/%(?![0-9a-f]{2})/i.test(text)) throw { code: 'D3140', functionName: 'decodeUrlComponent', value: text };
  const bytes = (escapes: string) => Buffer.from(escapes.replaceAll('%', ''), 'hex').toString();
  return text.replaceAll('+', ' ').replace(/(?:%[0-9a-f]{2})+/gi, bytes);
}

/** The code under which JSONata has the errors that an expression raises itself. */
const invalid = (message: string): Error => Object.assign(new Error(message), { code: 'D3137' });
