import { z } from 'zod';
import { nearest } from '#model/nearest';
import { parseSecretReference, type SecretReference, secretAllowed } from '#model/secret-reference';

/*
 * The kinds of fields a plan is made of. A schema's error text says what is allowed; plan-problem.ts says where and
 * what was found instead.
 */

/** A map whose keys are all known; another key is answered with the nearest known one. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => unknownKey(key, known)).join('\n')
        : `a map with ${known.join(', ')}`,
  });
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  const guess = meant === undefined ? '' : `: did you mean "${meant}"?`;
  return `is not a known key${guess}${guess === '' ? ':' : ''} known: ${known.join(', ')}`;
}

export const text = (allowed: string, pattern: RegExp = /\S/) =>
  z.custom<string>((value) => typeof value === 'string' && pattern.test(value), { error: allowed });

export const wholeNumber = (min: number, max: number) =>
  z.custom<number>((value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max, {
    error: `a whole number from ${min} to ${max}`,
  });

export const oneOf = <const Values extends readonly string[]>(values: Values) =>
  z.enum(values, { error: `one of ${values.join(', ')}` });

export const yesOrNo = () => z.boolean({ error: 'true or false' });

export const listOf = <Item extends z.ZodType>(item: Item, what: string) =>
  z.array(item, { error: `a list of ${what}` });

/** A reference to a secret; anything else is refused without being shown. */
export const secret = () =>
  z
    .custom<string>((value) => typeof value === 'string' && parseSecretReference(value) !== undefined, {
      error: secretAllowed,
      params: { secret: true },
    })
    .transform((value): SecretReference => parseSecretReference(value)!);
