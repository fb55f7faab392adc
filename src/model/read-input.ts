import { z } from 'zod';
import { InputInvalid } from '#model/failure';
import { nearest } from '#model/nearest';

/**
 * Read what came from outside: a machine's input as a person types it, or an event. A schema's error text says what is
 * allowed; this says which field it is about and what stood there.
 * @throws InputInvalid for the first thing that is wrong
 */
export function readInput<Input>(schema: z.ZodType<Input>, input: unknown): Input {
  const outcome = schema.safeParse(input);
  if (outcome.success) return outcome.data;
  throw invalid(outcome.error.issues[0]!, input);
}

/** A map whose fields are all known. */
export const fields = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: (issue) => {
      const known = Object.keys(shape).join(', ');
      return issue.code === 'unrecognized_keys' ? known : `a map with the fields ${known}`;
    },
  });

function invalid(issue: z.core.$ZodIssue, input: unknown): InputInvalid {
  if (issue.code === 'unrecognized_keys') {
    const [key] = issue.keys;
    const path = [...issue.path, key!];
    const known = issue.message.split(', ');
    const meant = nearest(key!, known);
    const hint = meant === undefined ? undefined : `did you mean "${meant}"?`;
    return new InputInvalid(printPath(path), valueAt(input, path), `only the fields ${issue.message}`, hint);
  }
  if (issue.code === 'invalid_key') {
    const key = String(issue.path.at(-1));
    return new InputInvalid(printPath(issue.path.slice(0, -1)), key, issue.issues[0]!.message);
  }
  const value = valueAt(input, issue.path);
  const hint = issue.code === 'invalid_value' ? likely(value, issue.values.map(String)) : undefined;
  return new InputInvalid(printPath(issue.path), value, issue.message, hint);
}

function likely(value: unknown, known: readonly string[]): string | undefined {
  const meant = typeof value === 'string' ? nearest(value, known) : undefined;
  return meant === undefined ? undefined : `did you mean "${meant}"?`;
}

const printPath = (path: readonly PropertyKey[]): string => path.map(String).join('.') || 'input';

const valueAt = (input: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], input);
