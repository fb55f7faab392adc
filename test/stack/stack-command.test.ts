import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type StackFiles, stackCommand } from '#stack/stack-command';
import { checkout } from './packaged-template.ts';

const example = readFileSync(join(checkout, 'plan.aws.example.yml'), 'utf8');
const changed = (from: string | RegExp, to: string): string => {
  assert.match(example, new RegExp(from));
  return example.replace(from, to);
};

/** plan.yml is the example unless it is another text, or none at all. */
const files = (plan: string | undefined = example): StackFiles => {
  const there = new Map([['plan.aws.example.yml', example], ...(plan === '' ? [] : [['plan.yml', plan] as const])]);
  return { exists: (path) => there.has(path), read: (path) => there.get(path)! };
};

const notCopied =
  'from now on nothing is copied to eu-west-1, where the plan recovers: there is no --param replicaBucketArn=…';

test('stage, region and plan come from the plan', () => {
  assert.deepEqual(stackCommand('deploy', ['--verbose'], files()), {
    planPath: 'plan.yml',
    bundles: 'dist',
    args: ['deploy', '--verbose', '--stage', 'prod', '--region', 'eu-central-1', '--param', 'plan=plan.yml'],
    warnings: [notCopied],
  });
});

test('what is given is handed on as it is', () => {
  const given = [
    '-s',
    'prod',
    '--region=eu-central-1',
    '--param',
    'plan=plan.yml',
    '--param',
    'bundles=/tmp/b',
    '--param',
    'imageTag=7',
  ];
  assert.deepEqual(stackCommand('deploy', given, files()), {
    planPath: 'plan.yml',
    bundles: '/tmp/b',
    args: ['deploy', ...given],
    warnings: [notCopied],
  });
});

test('in the recovery region a stack stands by, unless it is told not to', () => {
  const there = ['--region', 'eu-west-1'];
  assert.deepEqual(stackCommand('deploy', there, files()).args.slice(-2), ['--param', 'standby=yes']);
  const active = stackCommand('deploy', [...there, '--param', 'standby=no'], files()).args;
  assert.equal(active.includes('standby=yes'), false);
  assert.equal(stackCommand('deploy', [], files()).args.includes('standby=yes'), false);
});

test('a deployment that lets go of the copy in the other region says so', () => {
  const warnings = (args: string[], plan?: string) => stackCommand('deploy', args, files(plan)).warnings;
  assert.deepEqual(warnings([]), [notCopied]);
  assert.deepEqual(warnings(['--param', 'replicaBucketArn=arn:aws:s3:::copy']), []);
  const there = ['--region', 'eu-west-1'];
  assert.match(warnings(there).join(), /there is no --param primaryReplicationRoleArn=…$/);
  assert.deepEqual(warnings([...there, '--param', 'primaryReplicationRoleArn=arn:aws:iam::1:role/r']), []);
  assert.deepEqual(warnings([], changed(/ +recoveryRegion: .*\n/, '')), []);
  assert.deepEqual(stackCommand('package', [], files()).warnings, []);
});

test('without a plan the example is packaged, and nothing is deployed', () => {
  assert.equal(stackCommand('package', [], files('')).planPath, 'plan.aws.example.yml');
  assert.equal(stackCommand('package', [], files()).planPath, 'plan.yml');
  assert.throws(() => stackCommand('deploy', [], files('')), {
    name: 'InputInvalid',
    message: /^plan: "plan\.yml" is not allowed/,
  });
});

const refused: [what: string, args: string[], plan: string | undefined, message: RegExp][] = [
  ['another stage than the plan’s', ['--stage', 'dev'], undefined, /^--stage: "dev" is not allowed/],
  ['another region than the plan’s two', ['--region', 'us-east-1'], undefined, /^--region: "us-east-1" is not allowed/],
  [
    'a plan that is not there',
    ['--param', 'plan=other.yml'],
    undefined,
    /^plan: "other\.yml" is not allowed: expected a file that exists/,
  ],
  ['what was packaged before', ['--package', 'old'], undefined, /^--package: "old" is not allowed/],
  [
    'a plan of one machine',
    [],
    'bucket: ./b\nencryption: none\nsources: { main: { connection: { host: /tmp, user: backup } } }\n',
    /^aws: nothing is not allowed/,
  ],
  [
    'a bucket of somebody else',
    [],
    changed('bucket: stack', 'bucket: s3://other'),
    /^bucket: "s3:\/\/other" is not allowed/,
  ],
  ['a key file', [], changed('kmsKey: stack', 'keyFile: master.key'), /^encryption: "a key file" is not allowed/],
  [
    'a secret in the environment',
    [],
    changed('"secret:lifeboat/slack"', 'env:SLACK'),
    /^plan: "env:SLACK" is not allowed/,
  ],
];
for (const [what, args, plan, message] of refused) {
  test(`${what} is refused`, () => {
    assert.throws(() => stackCommand('deploy', args, files(plan)), { name: 'InputInvalid', message });
  });
}
