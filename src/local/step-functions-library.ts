import { createHash, randomUUID } from 'node:crypto';
import type jsonata from 'jsonata';
import type { Json } from './integration.ts';

/**
 * What Step Functions adds to JSONata, and the one function that it takes away.
 * https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn
 */
export function addStepFunctionsLibrary(expression: jsonata.Expression): void {
  expression.registerFunction('partition', partition, '<a-n?:a>');
  expression.registerFunction('range', range, '<n-nn?:a>');
  expression.registerFunction('hash', hash, '<s-s?:s>');
  expression.registerFunction('random', random, '<n?:n>');
  expression.registerFunction('uuid', () => randomUUID(), '<:s>');
  expression.registerFunction('parse', parse, '<s-:x>');
  expression.assign('eval', undefined);
}

/** Numbers are cut to whole ones, and nothing to give is nothing (undefined), as on AWS. */
function partition(list: Json[] | undefined, size: number | undefined): Json[][] | undefined {
  if (list === undefined || list.length === 0) return undefined;
  const step = Math.trunc(size ?? list.length);
  if (step < 0) throw invalid('Second argument must be zero or greater');
  if (step === 0) return undefined;
  return Array.from({ length: Math.ceil(list.length / step) }, (_, at) => list.slice(at * step, (at + 1) * step));
}

/** AWS gives up here for want of memory. */
const longestRange = 360_145;

/** Both ends belong to it. It is a JSONata sequence: one number alone is that number and not a list of one. */
function range(from: number | undefined, to: number | undefined, by: number | undefined): number[] | undefined {
  if (from === undefined || to === undefined || by === undefined) return undefined;
  const [first, last, step] = [Math.trunc(from), Math.trunc(to), Math.trunc(by)];
  const length = step === 0 ? 0 : Math.max(0, Math.floor((last - first) / step) + 1);
  if (length > longestRange)
    throw new Error('Expression evaluation memory limit exceeded: Check for excessive memory usage');
  const numbers = Array.from({ length }, (_, at) => first + at * step);
  return Object.defineProperty(numbers, 'sequence', { value: true });
}

const algorithms = new Map([
  ['MD5', 'md5'],
  ['SHA-1', 'sha1'],
  ['SHA-256', 'sha256'],
  ['SHA-384', 'sha384'],
  ['SHA-512', 'sha512'],
]);

function hash(text: string | undefined, algorithm: string | undefined): string | undefined {
  if (text === undefined || algorithm === undefined) return undefined;
  const name = algorithms.get(algorithm);
  if (!name) throw invalid(`Unsupported algorithm ${algorithm}: expected ${[...algorithms.keys()].join(', ')}`);
  return createHash(name).update(text).digest('hex');
}

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
    return JSON.parse(text);
  } catch {
    throw invalid('Invalid JSON');
  }
}

/** The code under which JSONata has the errors that an expression raises itself. */
const invalid = (message: string): Error => Object.assign(new Error(message), { code: 'D3137' });
