import type { Json } from './integration.ts';

/** What JSONata may give and JSON has no words for. */
export class NotJson extends Error {
  override readonly name = 'NotJson';
}

/**
 * A plain copy that shares nothing with what it was made of: JSONata marks the arrays that it makes, and hands out
 * parts of its input.
 * @throws NotJson for functions, undefined, NaN and infinities, wherever they are
 */
export function toJson(value: unknown): Json {
  check(value);
  return JSON.parse(JSON.stringify(value));
}

/** Instead of NaN and infinities, of which JSON knows nothing, their names, as AWS has them. @throws NotJson */
export function toNamedJson(value: unknown): Json {
  check(value, true);
  return JSON.parse(
    JSON.stringify(value, (_, part) => (typeof part === 'number' && !Number.isFinite(part) ? String(part) : part)),
  );
}

/** What a value is called in messages. */
export function typeOf(value: Json): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

export const sizeBytes = (value: Json): number => Buffer.byteLength(JSON.stringify(value));

function check(value: unknown, anyNumber = false): void {
  if (typeof value === 'object' && value !== null) checkParts(value, anyNumber);
  else if (typeof value === 'number' && !Number.isFinite(value) && !anyNumber) throw new NotJson(`the number ${value}`);
  else if (!['string', 'number', 'boolean'].includes(typeof value) && value !== null)
    throw new NotJson(value === undefined ? 'nothing' : `a ${typeof value}`);
}

function checkParts(value: object, anyNumber: boolean): void {
  if (Array.isArray(value)) {
    for (const item of value) check(item, anyNumber);
    return;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) throw new NotJson(`a ${prototype.constructor?.name}`);
  // JSONata's own functions are plain objects with these marks
  if ('_jsonata_function' in value || '_jsonata_lambda' in value) throw new NotJson('a function');
  for (const part of Object.values(value)) if (part !== undefined) check(part, anyNumber);
}
