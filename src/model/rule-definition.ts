import { z } from 'zod';
import { InputInvalid } from '#model/failure';

/** A rule of statemachines/rules.json: what is done with which events, here and in AWS. */
export interface RuleDefinition {
  name: string;
  description: string;
  /** an event pattern with `${BucketName}` and `${Source}` where the plan decides */
  pattern: unknown;
  /** gets the whole event, a state machine as its input */
  target: { function: string } | { stateMachine: string };
}

/** @throws InputInvalid that names the rule or field */
export function readRuleDefinitions(content: string): RuleDefinition[] {
  const outcome = schema.safeParse(parseJson(content));
  if (!outcome.success) throw new InputInvalid('rules', undefined, z.prettifyError(outcome.error));
  const names = outcome.data.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new InputInvalid('rules', twice, 'a name for each rule');
  return outcome.data;
}

const bucketName = /^\$\{BucketName\}$/;
const sourceName = /\$\{Source\}/;

/** What stands in the place of the names. */
export interface RulePlaces {
  /** the bucket's name, or what CloudFormation makes it of */
  bucket: unknown;
  /** keys of a source begin with this and a slash: its name, with the prefix where the plan's bucket has one */
  folders: readonly string[];
}

/** The pattern for a bucket and its sources: what names `${Source}` in a list, stands there once for each. */
export function patternFor(value: unknown, { bucket, folders }: RulePlaces): unknown {
  if (typeof value === 'string') return bucketName.test(value) ? bucket : value;
  if (Array.isArray(value)) {
    return value.flatMap((one) =>
      sourceName.test(JSON.stringify(one))
        ? folders.map((folder) => withFolder(one, folder))
        : [patternFor(one, { bucket, folders })],
    );
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, patternFor(inner, { bucket, folders })]));
}

function withFolder(value: unknown, folder: string): unknown {
  if (typeof value === 'string') return value.replace(sourceName, () => folder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([operator, text]) => [
      operator,
      withFolder(text, operator === 'wildcard' ? folder.replace(/[*\\]/g, '\\$&') : folder),
    ]),
  );
}

const word = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, { error: 'lower-case letters, digits and -' });
const schema = z.array(
  z.strictObject({
    name: word,
    description: z.string(),
    pattern: z.json(),
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
