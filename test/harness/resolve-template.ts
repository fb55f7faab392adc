import type { Template } from '../stack/packaged-template.ts';

/** Where a template is deployed. */
export interface Deployment {
  account?: string;
  region?: string;
  stack?: string;
  /** of the template */
  parameters?: Record<string, string>;
}

type Json = unknown;
type Fields = Record<string, Json>;

/**
 * Resources of a template as CloudFormation would make them: parameters, conditions and functions resolved, what has no value left out.
 * ARNs of buckets, keys and roles are those that AWS gives; of other resources only the beginning is true.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
 */
export function resolveResources(
  template: Template,
  wanted: readonly string[],
  deployment: Deployment = {},
): Template['Resources'] {
  const resolver = new Resolver(template, deployment);
  const present = Object.entries(template.Resources).filter(
    ([name, { Condition }]) => wanted.includes(name) && (Condition === undefined || resolver.isTrue(Condition)),
  );
  return Object.fromEntries(present.map(([name, resource]) => [name, resolver.value(resource) as typeof resource]));
}

class Resolver {
  readonly #template: Template;
  readonly #known: Record<string, string>;
  readonly #lists: ReadonlySet<string>;

  constructor(template: Template, { account, region, stack, parameters }: Deployment) {
    this.#template = template;
    const isList = ([, { Type }]: [string, Record<string, unknown>]) =>
      /^(List<|CommaDelimitedList)/.test(String(Type));
    this.#lists = new Set(
      Object.entries(template.Parameters ?? {})
        .filter(isList)
        .map(([name]) => name),
    );
    const blank = Object.keys(template.Parameters ?? {}).map((name) => [name, ''] as const);
    this.#known = {
      ...Object.fromEntries(blank),
      'AWS::AccountId': account ?? '111122223333',
      'AWS::Region': region ?? 'eu-central-1',
      'AWS::StackName': stack ?? 'lifeboat-prod',
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
      ...parameters,
    };
  }

  isTrue(condition: string): boolean {
    return this.#decide(this.#template.Conditions[condition]);
  }

  value(json: Json): Json {
    if (Array.isArray(json)) return json.map((item) => this.value(item)).filter((item) => item !== undefined);
    if (typeof json !== 'object' || json === null) return json;
    const [[name, argument] = ['', undefined], ...others] = Object.entries(json as Fields);
    if (others.length === 0 && (name === 'Ref' || name.startsWith('Fn::'))) return this.#call(name, argument);
    const fields = Object.entries(json as Fields).map(([field, value]) => [field, this.value(value)] as const);
    return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
  }

  #call(name: string, argument: Json): Json {
    if (argument === 'AWS::NoValue') return undefined;
    if (name === 'Ref' && this.#lists.has(argument as string)) return this.#reference(argument as string).split(',');
    if (name === 'Ref') return this.#reference(argument as string);
    const list = argument as Json[];
    if (name === 'Fn::GetAtt') return this.#attribute(list[0] as string, list[1] as string);
    if (name === 'Fn::If') return this.value(this.isTrue(list[0] as string) ? list[1] : list[2]);
    if (name === 'Fn::Sub') return this.#substitute(argument as string | [string, Fields]);
    const [first, second] = list.map((item) => this.value(item));
    if (name === 'Fn::Select') return (second as Json[])[Number(first)];
    if (name === 'Fn::Split') return (second as string).split(first as string);
    if (name === 'Fn::Join') return (second as string[]).join(first as string);
    throw new Error(`${name} cannot be resolved`);
  }

  #substitute(argument: string | [string, Fields]): string {
    const [text, own] = typeof argument === 'string' ? [argument, {}] : argument;
    return text.replace(/\$\{([^!}][^}]*)\}/g, (_, name: string) => {
      const [resource = '', attribute] = name.split(/\.(.*)/s);
      if (name in own) return this.value((own as Fields)[name]) as string;
      return attribute === undefined ? this.#reference(name) : this.#attribute(resource, attribute);
    });
  }

  #reference(name: string): string {
    const known = this.#known[name];
    if (known !== undefined) return known;
    const { Type, Properties = {} } = this.#resource(name);
    const ownName = { 'AWS::S3::Bucket': 'BucketName', 'AWS::IAM::Role': 'RoleName' }[Type];
    return (ownName && (this.value(Properties[ownName]) as string | undefined)) || name.toLowerCase();
  }

  #attribute(name: string, attribute: string): string {
    const { Type } = this.#resource(name);
    if (attribute !== 'Arn') return `${name.toLowerCase()}-${attribute.toLowerCase()}`;
    const [partition, region, account] = ['AWS::Partition', 'AWS::Region', 'AWS::AccountId'].map(
      (at) => this.#known[at],
    );
    const id = this.#reference(name);
    if (Type === 'AWS::S3::Bucket') return `arn:${partition}:s3:::${id}`;
    if (Type === 'AWS::IAM::Role') return `arn:${partition}:iam::${account}:role/${id}`;
    if (/^AWS::KMS::(Replica)?Key$/.test(Type)) return `arn:${partition}:kms:${region}:${account}:key/${id}`;
    return `arn:${partition}:${Type.split('::')[1]?.toLowerCase()}:${region}:${account}:${id}`;
  }

  #resource(name: string) {
    const resource = this.#template.Resources[name];
    if (resource === undefined) throw new Error(`the template has no ${name}`);
    return resource;
  }

  #decide(condition: Json): boolean {
    const [[name, argument] = ['', undefined]] = Object.entries((condition ?? {}) as Fields);
    const list = argument as Json[];
    if (name === 'Fn::Equals') return this.value(list[0]) === this.value(list[1]);
    if (name === 'Fn::Not') return !this.#decide(list[0]);
    if (name === 'Fn::And') return list.every((each) => this.#decide(each));
    if (name === 'Fn::Or') return list.some((each) => this.#decide(each));
    if (name === 'Condition') return this.isTrue(argument as string);
    throw new Error(`${JSON.stringify(condition)} is no condition`);
  }
}
