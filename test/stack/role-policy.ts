import { type Deployment, resolveResources } from '#harness/resolve-template';
import type { Template } from './packaged-template.ts';

/** One request to AWS, as IAM is asked about it. */
export interface Asked {
  action: string;
  resource: string;
  /** several: of a key that has many values */
  context?: Readonly<Record<string, string | readonly string[]>>;
}

interface Statement {
  Effect: 'Allow' | 'Deny';
  Action: string | string[];
  Resource: string | string[];
  Condition?: Record<string, Record<string, string | string[]>>;
}

/**
 * Whether a role's policies allow a request, as far as the template's conditions go.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
 */
export class RolePolicy {
  readonly #statements: Statement[];
  readonly #used = new Set<string>();

  /** `role`: its name in the template */
  constructor(template: Template, role: string, deployment?: Deployment) {
    const found = resolveResources(template, [role], deployment)[role];
    if (!found) throw new Error(`the template has no ${role}`);
    const { Policies = [] } = found.Properties ?? {};
    const attached = Object.keys(template.Resources).filter((name) => names(template.Resources[name]!, role));
    const more = Object.values(resolveResources(template, attached, deployment)).map(({ Properties }) => Properties);
    this.#statements = (
      [...(Policies as object[]), ...more] as { PolicyDocument: { Statement: Statement[] } }[]
    ).flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
  }

  allows(asked: Asked): boolean {
    const applying = this.#statements.filter((statement) => applies(statement, asked));
    if (applying.length === 0 || applying.some(({ Effect }) => Effect === 'Deny')) return false;
    for (const { Resource, Condition } of applying) {
      for (const pattern of listOf(Condition?.StringLike?.['s3:prefix'] ?? [])) {
        if (like(pattern, String(asked.context!['s3:prefix']))) this.#used.add(`s3:prefix ${pattern}`);
      }
      for (const pattern of listOf(Resource))
        if (like(pattern, asked.resource)) this.#used.add(`${asked.action} ${pattern}`);
    }
    return true;
  }

  /** What was granted and never asked for: `s3:GetObject arn:…`, and prefixes of listings that are not keys to be read */
  unused(): string[] {
    const allowed = this.#statements.filter(({ Effect }) => Effect === 'Allow');
    const granted = allowed.flatMap(({ Action, Resource }) =>
      listOf(Action).flatMap((action) => listOf(Resource).map((resource) => `${action} ${resource}`)),
    );
    const prefixes = allowed.flatMap(({ Condition }) => listOf(Condition?.StringLike?.['s3:prefix'] ?? []));
    const listed = prefixes.filter((prefix) => !granted.some((grant) => grant.endsWith(`/${prefix}`)));
    return [...granted, ...listed.map((prefix) => `s3:prefix ${prefix}`)].filter((grant) => !this.#used.has(grant));
  }
}

/** Whether it is a policy that is attached to the role. */
const names = ({ Type, Properties }: Template['Resources'][string], role: string): boolean =>
  Type === 'AWS::IAM::Policy' && (Properties!.Roles as { Ref: string }[]).some(({ Ref }) => Ref === role);

const listOf = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);

function applies({ Action, Resource, Condition = {} }: Statement, { action, resource, context = {} }: Asked): boolean {
  return (
    listOf(Action).some((pattern) => like(pattern, action)) &&
    listOf(Resource).some((pattern) => like(pattern, resource)) &&
    Object.entries(Condition).every(([operator, keys]) =>
      Object.entries(keys).every(([key, expected]) => holds(operator, context[key], listOf(expected))),
    )
  );
}

function holds(operator: string, value: string | readonly string[] | undefined, expected: readonly string[]): boolean {
  if (operator === 'Null') return expected.includes(String(value === undefined));
  if (operator === 'ForAllValues:StringEquals') return [value ?? []].flat().every((one) => expected.includes(one));
  if (typeof value !== 'string') return false;
  if (operator === 'StringEquals') return expected.includes(value);
  if (/^(?:StringLike|ArnLike|ArnEquals)$/.test(operator)) return expected.some((pattern) => like(pattern, value));
  throw new Error(`the test does not know the operator ${operator}`);
}

const like = (pattern: string, text: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    's',
  ).test(text);
