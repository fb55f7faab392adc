/** One question to a policy: may this be done to that, in these circumstances? */
export interface Access {
  /** `s3:PutObject` */
  action: string;
  /** an ARN */
  resource: string;
  /** condition keys as the request has them, in lower case; what is not there is missing from the request */
  context: Readonly<Record<string, string>>;
}

export interface PolicyDocument {
  Statement: Statement[];
}

export interface Statement {
  Sid?: string;
  Effect: 'Allow' | 'Deny';
  Principal?: unknown;
  Action: string | string[];
  Resource?: string | string[];
  NotResource?: string | string[];
  Condition?: Record<string, Record<string, string | string[]>>;
}

/**
 * The Sids of the statements of a policy that match, by their effect. Who the principal is has to be told by the context.
 * The order of AWS: whatever is denied stays denied, and what nobody allows is denied, too.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export function judgeAccess({ Statement }: PolicyDocument, access: Access): { denied: string[]; allowed: string[] } {
  const sids = (effect: Statement['Effect']) =>
    Statement.filter((statement) => statement.Effect === effect && matches(statement, access)).map(
      ({ Sid = '?' }) => Sid,
    );
  return { denied: sids('Deny'), allowed: sids('Allow') };
}

function matches({ Action, Resource, NotResource, Condition = {} }: Statement, access: Access): boolean {
  if (!list(Action).some((pattern) => isLike(access.action, pattern, 'i'))) return false;
  const isNamed = (patterns: string | string[]) => list(patterns).some((pattern) => isLike(access.resource, pattern));
  if (Resource !== undefined && !isNamed(Resource)) return false;
  if (NotResource !== undefined && isNamed(NotResource)) return false;
  return Object.entries(Condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, values]) => holds(operator, access.context[key.toLowerCase()], list(values))),
  );
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html */
function holds(operator: string, actual: string | undefined, values: string[]): boolean {
  if (operator === 'Null') return values.includes(String(actual === undefined));
  const [name = '', ifExists] = operator.split(/(IfExists)$/);
  const isNegated = /Not(Equals|Like)$/.test(name);
  if (actual === undefined) return isNegated || ifExists !== undefined;
  const isOneOf = values.some((value) => compare(name.replace('Not', ''), actual, value));
  return isNegated ? !isOneOf : isOneOf;
}

function compare(operator: string, actual: string, value: string): boolean {
  if (operator === 'StringEquals' || operator === 'Bool') return actual === value;
  if (operator === 'StringLike' || operator === 'ArnLike' || operator === 'ArnEquals') return isLike(actual, value);
  if (operator === 'NumericLessThan') return Number(actual) < Number(value);
  throw new Error(`${operator} is not known here`);
}

const list = (value: string | string[]): string[] => (typeof value === 'string' ? [value] : value);

function isLike(text: string, pattern: string, flags = ''): boolean {
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, `s${flags}`).test(text);
}
