import { isDeepStrictEqual } from 'node:util';

/** What differs between two plans, in words; `decidedJson` of each. */
export function planChanges(approved: string, found: string): string[] {
  const before = JSON.parse(approved) as Record<string, unknown>;
  const now = JSON.parse(found) as Record<string, unknown>;
  return [...new Set([...Object.keys(before), ...Object.keys(now)])]
    .filter((field) => !isDeepStrictEqual(before[field], now[field]))
    .map((field) => `${field} was ${print(before[field])} and is ${print(now[field])}`);
}

const print = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing'));
