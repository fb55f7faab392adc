import type { Template } from './packaged-template.ts';

export interface Statement {
  Effect: 'Allow' | 'Deny';
  Action: string | string[];
  Resource: unknown;
  Condition?: Record<string, Record<string, unknown>>;
}

/** Every statement of a role: its own policies, and those that name it. */
export function statementsOf({ Resources }: Template, role: string): Statement[] {
  const documents = Object.entries(Resources).flatMap(([name, { Type, Properties = {} }]) => {
    const {
      Policies = [],
      Roles,
      PolicyDocument,
    } = Properties as {
      Policies?: { PolicyDocument: Document }[];
      Roles?: { Ref: string }[];
      PolicyDocument?: Document;
    };
    if (name === role) return Policies.map((policy) => policy.PolicyDocument);
    return Type === 'AWS::IAM::Policy' && Roles?.some(({ Ref }) => Ref === role) ? [PolicyDocument!] : [];
  });
  return documents.flatMap(({ Statement }) => Statement);
}

interface Document {
  Statement: Statement[];
}

/**
 * What a role grants, one line for each action on each resource: `ecs:RunTask DrillTask if ecs:cluster is Cluster`. Resources
 * of the template have their names there.
 */
export const grantsOf = (template: Template, role: string): string[] =>
  statementsOf(template, role)
    .flatMap(({ Effect, Action, Resource, Condition }) =>
      listOf(Action).flatMap((action) =>
        listOf(Resource).map((resource) =>
          [Effect === 'Allow' ? '' : 'not ', action, ' ', nameOf(resource), printCondition(Condition)].join(''),
        ),
      ),
    )
    .sort();

const printCondition = (condition: Statement['Condition']): string =>
  Object.values(condition ?? {})
    .flatMap((keys) => Object.entries(keys))
    .map(([key, value]) => ` if ${key} is ${listOf(value).map(nameOf).join(' or ')}`)
    .join('');

/** `Cluster` for its ARN and its reference, the text of a Sub, and what is written out. */
export function nameOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::Sub': text } = value as Record<string, unknown>;
  if (Ref !== undefined) return String(Ref);
  if (attribute !== undefined) return (attribute as string[])[0]!;
  if (text !== undefined) return String(text).replace(/^arn:\$\{AWS::Partition\}:/, 'arn:');
  return JSON.stringify(value);
}

export const listOf = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);
