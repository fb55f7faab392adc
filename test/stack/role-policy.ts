import { type Deployment, resolveResources } from '#harness/resolve-template';
import type { Template } from './packaged-template.ts';

/** One request to AWS, as IAM is asked about it. */
export interface Asked {
  action: string;
  resource: string;
  context?: Readonly<Record<string, string>>;
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
    const { Policies = [] } = resolveResources(template, [role], deployment)[role]!.Properties ?? {};
    this.#statements = (Policies as { PolicyDocument: { Statement: Statement[] } }[]).flatMap(
      ({ PolicyDocument }) => PolicyDocument.Statement,
    );
  }

  allows(asked: Asked): boolean {
    const applying = this.#statements.filter((statement) => applies(statement, asked));
    if (applying.length === 0 || applying.some(({ Effect }) => Effect === 'Deny')) return false;
    for (const { Resource } of applying) {
      for (const pattern of listOf(Resource))
        if (like(pattern, asked.resource)) this.#used.add(`${asked.action} ${pattern}`);
    }
    return true;
  }

  /** What was granted and never asked for: `s3:GetObject arn:…` */
  unused(service: string): string[] {
    const granted = this.#statements
      .filter(({ Effect }) => Effect === 'Allow')
      .flatMap(({ Action, Resource }) =>
        listOf(Action).flatMap((action) => listOf(Resource).map((resource) => `${action} ${resource}`)),
      );
    return granted.filter((grant) => grant.startsWith(`${service}:`) && !this.#used.has(grant));
  }
}

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

function holds(operator: string, value: string | undefined, expected: readonly string[]): boolean {
  if (operator === 'Null') return expected.includes(String(value === undefined));
  if (value === undefined) return false;
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
