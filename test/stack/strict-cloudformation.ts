import { createHash } from 'node:crypto';
import { resolveResources } from '#harness/resolve-template';
import { AwsRefusal } from '#harness/strict-aws-signature';
import type { StrictBucket } from '#harness/strict-s3-bucket';
import type { Template } from './packaged-template.ts';
import { circle, danglingReferences } from './template-references.ts';

export const deploymentBucket = 'lifeboat-prod-serverlessdeploymentbucket-strict';

export interface MadeStack {
  template: Template;
  parameters: Record<string, string>;
  /** SHA-256 of the code that each function got: by its name */
  code: Record<string, string>;
}

/**
 * What `serverless deploy` asks of CloudFormation, for one stack. It takes what CloudFormation would take, and nothing is
 * made: what it refuses at once, it refuses here. https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
 */
export class StrictCloudFormation {
  stack: MadeStack | undefined;
  readonly operations: string[] = [];
  readonly #bucket: StrictBucket;
  #events: { status: string; at: Date }[] = [];

  constructor(bucket: StrictBucket) {
    this.#bucket = bucket;
  }

  /** The answer, as XML. @throws AwsRefusal */
  answer(action: string, input: URLSearchParams): string {
    this.operations.push(action);
    const id =
      'arn:aws:cloudformation:eu-central-1:111122223333:stack/lifeboat-prod/9d0b6d34-3da8-482e-a016-a9b16361456c';
    if (!['lifeboat-prod', id, null].includes(input.get('StackName')))
      throw refused(`Stack with id ${input.get('StackName')} does not exist`);
    switch (action) {
      case 'DescribeStacks':
        return this.#describe(id);
      case 'CreateStack':
        if (this.stack) throw refused('Stack [lifeboat-prod] already exists', 'AlreadyExistsException');
        this.#make('CREATE', parse(input.get('TemplateBody')), input);
        return element('StackId', id);
      case 'UpdateStack':
        this.#exists();
        this.#make('UPDATE', this.#templateAt(input.get('TemplateURL')), input);
        return element('StackId', id);
      case 'ValidateTemplate':
        check(this.#templateAt(input.get('TemplateURL')));
        return element('Parameters', '');
      case 'DescribeStackEvents':
        this.#exists();
        return element('StackEvents', this.#events.map((event, index) => printEvent(id, event, index)).join(''));
      case 'DescribeStackResource':
        return element('StackResourceDetail', this.#resource(input.get('LogicalResourceId')!));
      case 'ListStackResources':
        return element(
          'StackResourceSummaries',
          this.#exists()
            .map((name) => element('member', this.#resource(name)))
            .join(''),
        );
      default:
        throw new AwsRefusal(400, 'InvalidAction', action);
    }
  }

  #exists(): string[] {
    if (!this.stack) throw refused('Stack with id lifeboat-prod does not exist');
    return Object.keys(this.stack.template.Resources);
  }

  #describe(id: string): string {
    this.#exists();
    const { template, parameters } = this.stack!;
    const outputs = Object.entries(template.Outputs).map(([key, { Value }]) =>
      element('member', element('OutputKey', key) + element('OutputValue', escaped(JSON.stringify(Value)))),
    );
    const given = Object.entries(parameters).map(([key, value]) =>
      element('member', element('ParameterKey', key) + element('ParameterValue', escaped(value))),
    );
    const stack = [
      element('StackId', id) + element('StackName', 'lifeboat-prod'),
      element('StackStatus', this.#events[0]!.status) + element('CreationTime', this.#events.at(-1)!.at.toISOString()),
      element('Outputs', outputs.join('')) + element('Parameters', given.join('')),
    ];
    return element('Stacks', element('member', stack.join('')));
  }

  #resource(name: string): string {
    if (!this.#exists().includes(name)) throw refused(`Resource ${name} does not exist for stack lifeboat-prod`);
    const { Type } = this.stack!.template.Resources[name]!;
    const physical = name === 'ServerlessDeploymentBucket' ? deploymentBucket : name;
    return [
      element('LogicalResourceId', name) + element('PhysicalResourceId', physical) + element('ResourceType', Type),
      element('ResourceStatus', this.#events[0]!.status) +
        element('LastUpdatedTimestamp', this.#events[0]!.at.toISOString()),
    ].join('');
  }

  #make(operation: 'CREATE' | 'UPDATE', template: Template, input: URLSearchParams): void {
    check(template);
    checkCapabilities(template, list(input, 'Capabilities'));
    const parameters = parametersOf(template, input);
    const code = this.#codeOf(template, parameters);
    this.stack = { template, parameters, code };
    // newest first
    const at = new Date();
    this.#events = [`${operation}_COMPLETE`, `${operation}_IN_PROGRESS`]
      .map((status) => ({ status, at }))
      .concat(this.#events);
  }

  #templateAt(url: string | null): Template {
    const [, key] = new RegExp(`^https://s3[^/]*/${deploymentBucket}/(.+)$`).exec(decodeURIComponent(url ?? '')) ?? [];
    if (key === undefined) throw refused(`TemplateURL must be a supported URL, got ${url}`);
    return parse(this.#bucket.find(key).bytes.toString('utf8'));
  }

  /** Lambda reads a function's code when it is made: it has to be there, as a zip with the handler's file and the plan. */
  #codeOf(template: Template, parameters: Record<string, string>): Record<string, string> {
    const functions = Object.entries(template.Resources).filter(([, { Type }]) => Type === 'AWS::Lambda::Function');
    const resolved = resolveResources(
      template,
      functions.map(([name]) => name),
      { parameters },
    );
    return Object.fromEntries(
      Object.values(resolved).map(({ Properties }) => {
        const { FunctionName, Handler, Code } = Properties as {
          FunctionName: string;
          Handler: string;
          Code: { S3Key: string };
        };
        const { bytes } = this.#bucket.find(Code.S3Key);
        const entry = Handler.replace(/\.\w+$/, '.mjs');
        const missing = [entry, 'plan.yml'].filter((file) => !bytes.includes(`${file}`));
        if (bytes.readUInt32LE() !== 0x04034b50 || missing.length > 0)
          throw refused(`${FunctionName}: ${Code.S3Key} has no ${missing}`);
        return [FunctionName, createHash('sha256').update(bytes).digest('hex')];
      }),
    );
  }
}

const refused = (message: string, code = 'ValidationError'): AwsRefusal => new AwsRefusal(400, code, escaped(message));

function parse(text: string | null): Template {
  try {
    return { Parameters: {}, Conditions: {}, Outputs: {}, ...JSON.parse(text ?? '') };
  } catch (error) {
    throw refused(`Template format error: ${(error as Error).message}`);
  }
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
function check(template: Template): void {
  const sections =
    /^(?:AWSTemplateFormatVersion|Conditions|Description|Mappings|Metadata|Outputs|Parameters|Resources|Rules|Transform)$/;
  const unknown = Object.keys(template).filter((section) => !sections.test(section));
  if (unknown.length > 0) throw refused(`Invalid template property or properties [${unknown}]`);
  if (Object.keys(template.Resources).length > 500)
    throw refused('Template format error: Number of resources is greater than 500');
  if (Object.keys(template.Outputs).length > 200)
    throw refused('Template format error: Number of outputs is greater than 200');
  const dangling = danglingReferences(template);
  if (dangling.length > 0) throw refused(`Template format error: Unresolved resource dependencies [${dangling}]`);
  const waiting = circle(template);
  if (waiting.length > 0) throw refused(`Circular dependency between resources: [${waiting}]`);
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html */
function checkCapabilities({ Resources }: Template, given: readonly string[]): void {
  const iam = Object.values(Resources).filter(({ Type }) => Type.startsWith('AWS::IAM::'));
  const isNamed = iam.some(({ Properties = {} }) => 'RoleName' in Properties || 'ManagedPolicyName' in Properties);
  const needed = isNamed ? ['CAPABILITY_NAMED_IAM'] : iam.length > 0 ? ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM'] : [];
  if (needed.length > 0 && !needed.some((one) => given.includes(one)))
    throw refused(`Requires capabilities : [${needed}]`, 'InsufficientCapabilitiesException');
}

function parametersOf({ Parameters }: Template, input: URLSearchParams): Record<string, string> {
  const keys = [...input.keys()].filter((key) => /^Parameters\.member\.\d+\.ParameterKey$/.test(key));
  const given = Object.fromEntries(keys.map((key) => [input.get(key)!, input.get(key.replace(/Key$/, 'Value')) ?? '']));
  const unknown = Object.keys(given).filter((name) => !(name in Parameters));
  if (unknown.length > 0) throw refused(`Parameters: [${unknown}] do not exist in the template`);
  const used: Record<string, string> = {};
  for (const [name, { Default, AllowedValues, AllowedPattern }] of Object.entries(Parameters)) {
    const value = given[name] ?? (Default as string | undefined);
    if (value === undefined) throw refused(`Parameters: [${name}] must have values`);
    if (AllowedValues && !(AllowedValues as string[]).includes(value))
      throw refused(`Parameter '${name}' must be one of AllowedValues`);
    if (AllowedPattern && !new RegExp(`^(?:${AllowedPattern})$`).test(value))
      throw refused(`Parameter ${name} failed to satisfy constraint: must match pattern ${AllowedPattern}`);
    used[name] = value;
  }
  return used;
}

const list = (input: URLSearchParams, name: string): string[] =>
  [...input].filter(([key]) => key.startsWith(`${name}.member.`)).map(([, value]) => value);

const printEvent = (id: string, { status, at }: { status: string; at: Date }, index: number): string =>
  element(
    'member',
    [
      element('StackId', id) +
        element('EventId', `event-${at.getTime()}-${index}-${status}`) +
        element('StackName', 'lifeboat-prod'),
      element('LogicalResourceId', 'lifeboat-prod') + element('PhysicalResourceId', id),
      element('ResourceType', 'AWS::CloudFormation::Stack') + element('ResourceStatus', status),
      element('Timestamp', at.toISOString()),
    ].join(''),
  );

const element = (name: string, content: string): string => `<${name}>${content}</${name}>`;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
