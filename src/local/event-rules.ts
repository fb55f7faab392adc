import { createHash } from 'node:crypto';
import { z } from 'zod';
import { executionName } from '#model/execution-name';
import { InputInvalid } from '#model/failure';
import { bucketOf, type ObjectCreated } from '#model/object-created';
import { type EventPattern, readEventPattern } from './event-pattern.ts';
import type { Json } from './integration.ts';

/** What is done when an event matches. */
export interface EventRule {
  name: string;
  description: string;
  pattern: EventPattern;
  target: { function: string } | { stateMachine: string };
}

/**
 * The rules of statemachines/rules.json, which AWS gets too; `${BucketName}` in them becomes the name of this bucket.
 * Functions get the whole event, and so do state machines as their input.
 * @throws InputInvalid that names the rule
 */
export function readEventRules(content: string, bucketUrl: string): EventRule[] {
  const parsed = parseJson(content);
  const outcome = schema.safeParse(withBucket(parsed, bucketOf(bucketUrl).name));
  if (!outcome.success) throw new InputInvalid('rules', undefined, z.prettifyError(outcome.error));
  const names = outcome.data.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new InputInvalid('rules', twice, 'a name for each rule');
  return outcome.data.map((rule) => ({
    ...rule,
    pattern: readEventPattern(rule.pattern, `rules.${rule.name}.pattern`),
  }));
}

export const matchingRules = (rules: readonly EventRule[], event: ObjectCreated): EventRule[] =>
  rules.filter(({ pattern }) => pattern.matches(event as unknown as Json));

/** The name of the execution that a rule starts for an event: the same for the same generation of the same object. */
export function ruleExecutionName(rule: EventRule, event: ObjectCreated): string {
  const { bucket, object } = event.detail;
  const digest = createHash('sha256')
    .update(JSON.stringify([rule.name, bucket?.name, object.key, object.etag]))
    .digest('hex');
  const told = object.key.replace(/\/manifest\.json$/, '').replace(/[^A-Za-z0-9]+/g, '-');
  return executionName(`${told.slice(-60).replace(/^-+/, '')}-${digest.slice(0, 12)}`);
}

const word = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, { error: 'lower-case letters, digits and -' });
const schema = z.array(
  z.strictObject({
    name: word,
    description: z.string(),
    pattern: z.json() as unknown as z.ZodType<Json>,
    target: z.union([z.strictObject({ function: word }), z.strictObject({ stateMachine: word })]),
  }),
);

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new InputInvalid('rules', content.slice(0, 60), `JSON (${(error as Error).message})`);
  }
}

function withBucket(value: unknown, name: string): unknown {
  if (typeof value === 'string') return value.replace(/^\$\{BucketName\}$/, () => name);
  if (Array.isArray(value)) return value.map((one) => withBucket(one, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withBucket(one, name)]));
}
