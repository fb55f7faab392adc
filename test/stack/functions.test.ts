import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { functionNames } from '#stack/bundle-functions';
import { functionRights } from '#stack/function-rights';
import { logicalName } from '#stack/logical-name';
import { type MachineProperties, statesIn, statesOf } from './machine-calls.ts';
import { checkout, packagedTemplate, resourcesOf, type Template } from './packaged-template.ts';
import { nameOf } from './policy-grants.ts';
import { circle, danglingReferences } from './template-references.ts';

let template: Template;
let names: string[];
before(async () => {
  [template, names] = await Promise.all([packagedTemplate(), functionNames()]);
});
const propertiesOf = (name: string): Record<string, unknown> =>
  template.Resources[`${logicalName(name)}LambdaFunction`]!.Properties!;

test('every file of functions/ with a handler is deployed under its name, and has rights', () => {
  const deployed = resourcesOf(template, 'AWS::Lambda::Function').map(([, { FunctionName }]) => FunctionName);
  assert.deepEqual(deployed.sort(), names.map((name) => `lifeboat-prod-${name}`).sort());
  assert.deepEqual(Object.keys(functionRights).sort(), names.toSorted());
  for (const name of names) {
    assert.equal(propertiesOf(name).Handler, `${name}.handler`);
    assert.match(JSON.stringify(propertiesOf(name).Code), new RegExp(`/${name}\\.zip"`));
  }
});

test('every function runs on the same runtime, is traced, and keeps its log for 90 days', () => {
  for (const name of names) {
    const { Runtime, Architectures, TracingConfig } = propertiesOf(name);
    assert.deepEqual([Runtime, Architectures, TracingConfig], ['nodejs24.x', ['arm64'], { Mode: 'Active' }], name);
    const { LogGroupName, RetentionInDays } = template.Resources[`${logicalName(name)}LogGroup`]!.Properties!;
    assert.deepEqual([LogGroupName, RetentionInDays], [`/aws/lambda/lifeboat-prod-${name}`, 90]);
  }
});

test('who asks servers is in the network, and what is invoked without anybody waiting has a dead letter queue', () => {
  for (const name of names) {
    const { VpcConfig, DeadLetterConfig } = propertiesOf(name);
    const { asynchronous = false, inNetwork = false } = functionRights[name]!;
    assert.equal(DeadLetterConfig !== undefined, asynchronous, name);
    assert.equal(VpcConfig !== undefined, inNetwork, name);
    if (inNetwork) assert.deepEqual(VpcConfig, propertiesOf('watch').VpcConfig, name);
  }
});

test('a function ends before the state that waits for it', () => {
  for (const [machine, properties] of resourcesOf(template, 'AWS::StepFunctions::StateMachine')) {
    const typed = properties as unknown as MachineProperties;
    for (const { Resource, Arguments, ...state } of statesOf(statesIn(typed))) {
      if (!Resource?.includes(':lambda:invoke')) continue;
      const { FunctionName } = Arguments as { FunctionName: string };
      const name = nameOf(typed.DefinitionSubstitutions[FunctionName.slice(2, -1)]);
      const { TimeoutSeconds } = state as unknown as { TimeoutSeconds: number };
      const timeout = Number(template.Resources[name]!.Properties!.Timeout);
      assert.ok(timeout < TimeoutSeconds, `${machine}: ${name} may take ${timeout} s of ${TimeoutSeconds} s`);
    }
  }
});

test('what events and schedules ask for is answered by functions that there are', () => {
  const targets = [
    ...resourcesOf(template, 'AWS::Events::Rule').flatMap(([, { Targets }]) => Targets as { Arn: unknown }[]),
    ...resourcesOf(template, 'AWS::Scheduler::Schedule').map(([, { Target }]) => Target as { Arn: unknown }),
  ];
  assert.ok(targets.length > 5);
  for (const { Arn } of targets) assert.ok(nameOf(Arn) in template.Resources, nameOf(Arn));
});

describe('the template', () => {
  test('is within what CloudFormation takes', () => {
    assert.ok(Object.keys(template.Resources).length < 500);
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    assert.ok(Buffer.byteLength(JSON.stringify(template)) < 1_000_000);
  });

  test('names only what there is, and nothing waits for itself', () => {
    assert.deepEqual(danglingReferences(template), []);
    assert.deepEqual(circle(template), []);
  });

  test('a name that leads nowhere and a circle are seen', () => {
    const broken = structuredClone(template);
    broken.Resources.TellRole!.Properties!.Description = { 'Fn::Sub': `\${Nowhere.Arn}` };
    assert.deepEqual(danglingReferences(broken), ['TellRole: Nowhere']);
    broken.Resources.TellRole!.Properties!.Description = { 'Fn::GetAtt': ['TellLambdaFunction', 'Arn'] };
    assert.deepEqual(circle(broken), ['TellLambdaFunction', 'TellRole', 'TellLambdaFunction']);
  });
});

test('no other file of the framework is there than its own: no plugins, no variables that ask AWS', () => {
  const text = readFileSync(join(checkout, 'serverless.yml'), 'utf8');
  assert.doesNotMatch(text, /^plugins:/m);
  const yaml = ['functions', 'statemachines', 'tasks', 'src/stack', 'src/store', 'src/notify', 'src/pipeline'].flatMap(
    (folder) =>
      readdirSync(join(checkout, folder))
        .filter((file) => file.endsWith('.yml'))
        .map((file) => join(checkout, folder, file)),
  );
  for (const file of [join(checkout, 'serverless.yml'), ...yaml]) {
    assert.doesNotMatch(readFileSync(file, 'utf8'), /\$\{(?:ssm|cf|aws|s3)[:(]/, file);
  }
});
