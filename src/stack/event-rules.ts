import type { Plan } from '#model/plan';
import { patternFor, type RuleDefinition, readRuleDefinitions } from '#model/rule-definition';
import { arnOf, ownArn, ref, sub } from './intrinsics.ts';
import { logicalName } from './logical-name.ts';

/**
 * The rules of statemachines/rules.json for the plan's sources: the same that the local engine follows. Functions are
 * invoked and machines started with the event as their input; what could not be delivered for a day lies in DeadLetters.
 */
export function rulesOfPlan(plan: Plan, rules: string) {
  const resources: Record<string, object> = {};
  const machines = new Set<string>();
  for (const definition of readRuleDefinitions(rules)) {
    const groups = groupsOf(
      definition,
      plan.sources.map(({ name }) => name),
    );
    for (const [index, folders] of groups.entries()) {
      Object.assign(resources, ruleFor(definition, folders, groups.length === 1 ? '' : `-n${index + 1}`));
    }
    if ('stateMachine' in definition.target) machines.add(definition.target.stateMachine);
  }
  if (machines.size > 0) resources.EventsRole = eventsRole([...machines]);
  return { Resources: resources };
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html */
const longestPattern = 2048;

/** All sources, or several groups of them when they do not fit into one pattern. */
function groupsOf({ pattern }: RuleDefinition, folders: readonly string[]): string[][] {
  const fits = (some: readonly string[]): boolean =>
    JSON.stringify(patternFor(pattern, { bucket: 'b'.repeat(63), folders: some })).length <= longestPattern;
  // without sources there is nothing that arrives
  const groups: string[][] = folders.length === 0 ? [] : [[]];
  for (const folder of folders) {
    const last = groups.at(-1)!;
    if (last.length === 0 || fits([...last, folder])) last.push(folder);
    else groups.push([folder]);
  }
  return groups;
}

function ruleFor({ name, description, pattern, target }: RuleDefinition, folders: readonly string[], number: string) {
  const id = `${logicalName(name + number)}Rule`;
  const rule = {
    Type: 'AWS::Events::Rule',
    Properties: {
      Name: sub(`\${AWS::StackName}-${name}${number}`),
      Description: description,
      // a stack that stands by leaves what is copied to its bucket to the stack that works
      State: { 'Fn::If': ['IsStandby', 'DISABLED', 'ENABLED'] },
      EventPattern: patternFor(pattern, { bucket: ref('Bucket'), folders }),
      Targets: [
        {
          ...targetOf(target),
          RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 },
          DeadLetterConfig: { Arn: arnOf('DeadLetters') },
        },
      ],
    },
  };
  if ('stateMachine' in target) return { [id]: rule };
  const permission = {
    Type: 'AWS::Lambda::Permission',
    Properties: {
      FunctionName: arnOf(functionId(target.function)),
      Action: 'lambda:InvokeFunction',
      Principal: 'events.amazonaws.com',
      SourceArn: arnOf(id),
    },
  };
  return { [id]: rule, [`${id}Permission`]: permission };
}

const functionId = (name: string): string => `${logicalName(name)}LambdaFunction`;

const targetOf = (target: RuleDefinition['target']): object =>
  'function' in target
    ? { Id: target.function, Arn: arnOf(functionId(target.function)) }
    : { Id: target.stateMachine, Arn: ref(machineId(target.stateMachine)), RoleArn: arnOf('EventsRole') };

const machineId = (name: string): string => `${logicalName(name)}StateMachine`;

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html */
const eventsRole = (machines: readonly string[]): object => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    AssumeRolePolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: 'events.amazonaws.com' },
          Action: 'sts:AssumeRole',
          Condition: {
            StringEquals: { 'aws:SourceAccount': ref('AWS::AccountId') },
            ArnLike: { 'aws:SourceArn': ownArn('events', `rule/\${AWS::StackName}-*`) },
          },
        },
      ],
    },
    Policies: [
      {
        PolicyName: 'start-machines',
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Action: 'states:StartExecution',
              Resource: machines.map((name) => ref(machineId(name))),
            },
          ],
        },
      },
    ],
  },
});
