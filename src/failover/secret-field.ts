/** The text of a field of a secret's JSON; null: it has no such field. @throws NotFields */
export function readField(text: string, field: string): string | null {
  const fields = parseFields(text);
  if (!Object.hasOwn(fields, field)) return null;
  const value = fields[field];
  if (typeof value === 'string') return value;
  if (value instanceof Written) return value.source;
  throw new NotFields(`the field ${field} is neither text nor a number`);
}

/**
 * The secret with the field so, null: without it; everything else in it stays as it was, numbers to their last digit, and a
 * number stays one where it can.
 * @throws NotFields
 */
export function writeField(text: string, field: string, value: string | null): string {
  const { [field]: before, ...rest } = parseFields(text);
  if (value === null) return JSON.stringify(rest);
  const written = before instanceof Written && /^-?(0|[1-9]\d*)$/.test(value) ? new Written(value) : value;
  const fields = before === undefined ? { ...rest, [field]: written } : { ...parseFields(text), [field]: written };
  return JSON.stringify(fields);
}

/** Says nothing of what is in the secret. */
export class NotFields extends Error {}

/** A number as it is written: as a number of JavaScript it may be another one. */
class Written {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
  toJSON(): unknown {
    return (JSON as unknown as { rawJSON(source: string): unknown }).rawJSON(this.source);
  }
}

function parseFields(text: string): Record<string, unknown> {
  const keep = (_: string, value: unknown, { source }: { source?: string }) =>
    typeof value === 'number' ? new Written(source!) : value;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text, keep as (key: string, value: unknown) => unknown);
  } catch {
    // its error has a piece of the secret in it
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) && !(parsed instanceof Written))
    return parsed as Record<string, unknown>;
  throw new NotFields('it is no JSON with fields');
}
