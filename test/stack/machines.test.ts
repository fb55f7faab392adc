import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { type MachineProperties, neededGrants, statesIn, statesOf } from './machine-calls.ts';
import { checkout, packagedTemplate, type Template } from './packaged-template.ts';
import { grantsOf, listOf, nameOf, type Statement, statementsOf } from './policy-grants.ts';

const folder = join(checkout, 'statemachines');
const files = readdirSync(folder).filter((file) => file.endsWith('.asl.json'));
const machines = files.map((file) => file.slice(0, -'.asl.json'.length)).sort();
const pascal = (name: string) => name.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
const resourceOf = (machine: string) => `${pascal(machine)}StateMachine`;

let template: Template;
before(async () => {
  template = await packagedTemplate();
});
const propertiesOf = (machine: string, from = template) =>
  from.Resources[resourceOf(machine)]!.Properties as unknown as MachineProperties;

/** What is granted and not needed, and what is needed and not granted. */
function differences(from: Template, machine: string): string[] {
  const granted = grantsOf(from, `${resourceOf(machine)}Role`);
  const needed = neededGrants(from, machine, propertiesOf(machine, from));
  return [
    ...needed.filter((grant) => !granted.includes(grant)).map((grant) => `missing: ${grant}`),
    ...granted.filter((grant) => !needed.includes(grant)).map((grant) => `too much: ${grant}`),
  ];
}

test('each file here is a machine of the stack, and each machine of the stack is a file here', () => {
  const deployed = Object.entries(template.Resources).filter(
    ([, { Type }]) => Type === 'AWS::StepFunctions::StateMachine',
  );
  assert.deepEqual(deployed.map(([name]) => name).sort(), machines.map(resourceOf).sort());
  for (const machine of machines) {
    const { StateMachineName, DefinitionString } = propertiesOf(machine);
    assert.equal(nameOf(StateMachineName), `\${AWS::StackName}_${machine}`);
    const text = readFileSync(join(folder, `${machine}.asl.json`), 'utf8');
    assert.deepEqual(JSON.parse(DefinitionString), JSON.parse(text), `${machine} is deployed as it is written`);
  }
});

for (const machine of machines) {
  describe(`the machine ${machine}`, () => {
    test('may do what its definition does, and nothing else', () => {
      assert.deepEqual(differences(template, machine), []);
    });

    test('has a value for each name in it, and no value for another', () => {
      const { DefinitionString: text, DefinitionSubstitutions } = propertiesOf(machine);
      const used = new Set([...text.matchAll(/\$\{([^}]*)\}/g)].map(([, name]) => name));
      assert.deepEqual([...used].sort(), Object.keys(DefinitionSubstitutions).sort());
      const deployed = text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => nameOf(DefinitionSubstitutions[name]));
      assert.doesNotMatch(deployed, /\$\{/);
    });

    test('names in its place what the name says', () => {
      const { DefinitionSubstitutions } = propertiesOf(machine);
      for (const [name, value] of Object.entries(DefinitionSubstitutions)) {
        const [, own, kind] = /^(\w+?)(FunctionArn|TaskArn|StateMachineArn|TopicArn|RoleArn)$/.exec(name) ?? [];
        if (kind === undefined) continue;
        const suffix = { FunctionArn: 'LambdaFunction', TaskArn: 'Task', StateMachineArn: 'StateMachine' }[kind];
        assert.equal(nameOf(value), `${own}${suffix ?? kind.slice(0, -'Arn'.length)}`);
        assert.ok(nameOf(value) in template.Resources, `${name} is ${nameOf(value)}`);
      }
    });

    test('is traced and logged, without the data that holds the tokens of approvals', () => {
      const { LoggingConfiguration, TracingConfiguration } = propertiesOf(machine);
      assert.deepEqual([LoggingConfiguration.Level, LoggingConfiguration.IncludeExecutionData], ['ALL', false]);
      assert.equal(TracingConfiguration.Enabled, true);
    });

    test('its role is taken by machines of this stack alone', () => {
      const { AssumeRolePolicyDocument } = template.Resources[`${resourceOf(machine)}Role`]!.Properties as {
        AssumeRolePolicyDocument: {
          Statement: { Principal: unknown; Condition: Record<string, Record<string, unknown>> }[];
        };
      };
      const [statement, ...more] = AssumeRolePolicyDocument.Statement;
      assert.deepEqual([more, statement!.Principal], [[], { Service: 'states.amazonaws.com' }]);
      const { StringEquals, ArnLike } = statement!.Condition;
      assert.equal(nameOf(StringEquals!['aws:SourceAccount']), 'AWS::AccountId');
      assert.match(nameOf(ArnLike!['aws:SourceArn']), /:stateMachine:\$\{AWS::StackName\}_\*$/);
    });

    test('its tasks get no public address, and run in the subnets that are given', () => {
      for (const { Resource, Arguments } of statesOf(statesIn(propertiesOf(machine)))) {
        if (!Resource?.includes('ecs:runTask')) continue;
        const text = JSON.stringify(Arguments).replaceAll(/["']/g, '').replaceAll(': ', ':');
        assert.match(text, /AssignPublicIp:DISABLED/);
        assert.doesNotMatch(text, /ENABLED/);
        assert.match(text, /Subnets:\[\$\{SubnetA\},\s?\$\{SubnetB\}\]/);
      }
    });
  });
}

describe('a mistake in a machine or its role is seen:', () => {
  type Change = (from: Template, statement: (action: string) => Statement) => void;
  const resource =
    (action: string, changed: unknown): Change =>
    (_, statement) =>
      Object.assign(statement(action), { Resource: changed });
  const anybody =
    (action: string): Change =>
    (_, statement) =>
      delete statement(action).Condition;
  const one =
    (action: string, change: (resources: unknown[]) => unknown): Change =>
    (_, statement) =>
      change(statement(action).Resource as unknown[]);
  const mistakes: [mistake: string, machine: string, plant: Change][] = [
    ['every function may be invoked', 'backup', resource('lambda:InvokeFunction', '*')],
    ['a function that is called may not be', 'verify', one('lambda:InvokeFunction', (all) => all.pop())],
    ['tasks may be run in any cluster', 'drill', anybody('ecs:RunTask')],
    ['tasks of any cluster may be stopped', 'restore', anybody('ecs:StopTask')],
    ['a role may be passed to anybody', 'restore', anybody('iam:PassRole')],
    ["another task's role may be passed", 'verify', one('iam:PassRole', (all) => all.push({ Ref: 'DrillTaskRole' }))],
    ['snapshots of every database may be taken', 'rds-snapshot', resource('rds:CreateDBSnapshot', '*')],
    ['databases may be made without tags', 'rds-restore', anybody('rds:AddTagsToResource')],
    ['messages may be published anywhere', 'scrub', resource('sns:Publish', '*')],
    [
      'a source has a role that no task may be given',
      'backup',
      (from) => (statementsOf(from, 'BackupStateMachineRole').at(-1)!.Resource as unknown[]).pop(),
    ],
    [
      'a distributed map may not start its children',
      'backup',
      (_, statement) => Object.assign(statement('states:StartExecution'), { Action: 'states:ListExecutions' }),
    ],
    [
      'a definition starts what its role does not know',
      'verify',
      (from) => {
        const properties = propertiesOf('verify', from);
        properties.DefinitionSubstitutions.DrillStateMachineArn = { Ref: 'RestoreStateMachine' };
      },
    ],
  ];
  for (const [mistake, machine, plant] of mistakes) {
    test(mistake, () => {
      const broken = structuredClone(template);
      const statements = statementsOf(broken, `${resourceOf(machine)}Role`);
      plant(broken, (action) => statements.find(({ Action }) => listOf(Action).includes(action))!);
      assert.notDeepEqual(differences(broken, machine), []);
    });
  }
});
