import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type AwsFault, type StrictAws, startStrictAws } from '#harness/strict-aws';
import { AuthenticationFailed, ConnectionFailed, type Failure, InputInvalid, ServerUnsuitable } from '#model/failure';
import { findStack, stackEnvironment } from '#runtime/stack';

const ada = { accessKeyId: 'AKIAADA', secretAccessKey: 'ada-secret', arn: 'arn:aws:iam::123456789012:user/ada' };
const outputs = {
  BucketUrl: 's3://lifeboat-prod-123456789012-eu-central-1',
  BackupKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/mrk-1',
  MachineArnPrefix: 'arn:aws:states:eu-central-1:123456789012:stateMachine:lifeboat-prod_',
  FunctionNamePrefix: 'lifeboat-prod-',
  PlanDigest: 'ab'.repeat(32),
};

describe('a stack', () => {
  let aws: StrictAws;
  before(async () => {
    aws = await startStrictAws([ada]);
    aws.stacks.set('lifeboat-prod', { status: 'UPDATE_COMPLETE', outputs });
    aws.stacks.set('lifeboat-begun', { status: 'CREATE_IN_PROGRESS', outputs: {} });
  });
  after(() => aws.close());
  beforeEach(() => {
    aws.faults.length = 0;
    aws.requests.length = 0;
  });
  const environment = (more = {}) => ({ ...aws.environmentOf(ada), AWS_REGION: 'eu-central-1', ...more });
  const failing = async (fault: Omit<AwsFault, 'operation'> | undefined, more = {}, name = 'lifeboat-prod') => {
    if (fault) aws.faults.push({ operation: 'cloudformation:DescribeStacks', ...fault });
    return findStack(name, environment(more)).then(
      () => assert.fail('it was found'),
      (failure: Failure) => failure,
    );
  };

  test('is found by its name in a region, and says where everything is', async () => {
    const stack = await findStack('lifeboat-prod', environment());
    assert.deepEqual(stack, {
      name: 'lifeboat-prod',
      region: 'eu-central-1',
      bucket: outputs.BucketUrl,
      kmsKey: outputs.BackupKeyArn,
      machinePrefix: outputs.MachineArnPrefix,
      functionPrefix: outputs.FunctionNamePrefix,
      planDigest: outputs.PlanDigest,
    });
    assert.deepEqual(stackEnvironment(stack), {
      LIFEBOAT_BUCKET: outputs.BucketUrl,
      LIFEBOAT_KMS_KEY: outputs.BackupKeyArn,
      LIFEBOAT_EVIDENCE_KEY: 'arn:aws:kms:eu-central-1:123456789012:alias/lifeboat-prod-evidence',
      AWS_REGION: 'eu-central-1',
    });
    assert.deepEqual(aws.requests, [`cloudformation:DescribeStacks ${ada.arn}`]);
  });

  test('that is not there, or not yet, is named with its region and what it is', async () => {
    const missing = await failing(undefined, {}, 'lifeboat-prd');
    assert.ok(missing instanceof InputInvalid);
    assert.match(
      missing.message,
      /^--stack: "lifeboat-prd" is not allowed: expected a CloudFormation stack in eu-central-1$/,
    );
    const begun = await failing(undefined, {}, 'lifeboat-begun');
    assert.ok(begun instanceof InputInvalid);
    assert.match(begun.message, /a stack of Lifeboat: it has no output BucketUrl, and is CREATE_IN_PROGRESS$/);
  });

  test('cannot be looked for without a region', async () => {
    const saved = { ...process.env };
    Object.assign(process.env, { AWS_CONFIG_FILE: '/nowhere', AWS_SHARED_CREDENTIALS_FILE: '/nowhere' });
    try {
      const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = aws.environmentOf(ada);
      const failure = await findStack('lifeboat-prod', { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY }).catch(
        (error) => error,
      );
      assert.ok(failure instanceof InputInvalid, String(failure));
      assert.match(failure.message, /^--region: nothing is not allowed: expected a region like eu-central-1$/);
    } finally {
      process.env = saved;
    }
  });

  const refusals: [string, Omit<AwsFault, 'operation'>, new (...args: never[]) => Failure, RegExp, RegExp][] = [
    [
      'a right that is missing is named',
      {
        status: 403,
        code: 'AccessDenied',
        message: `User: ${ada.arn} is not authorized to perform: cloudformation:DescribeStacks on resource: arn`,
      },
      AuthenticationFailed,
      /^stack lifeboat-prod in eu-central-1 refuses cloudformation:DescribeStacks on lifeboat-prod: User: .*\/ada is not authorized/,
      /give these credentials cloudformation:DescribeStacks/,
    ],
    [
      'a token that has expired is to be renewed',
      { status: 403, code: 'ExpiredToken', message: 'The security token included in the request is expired' },
      AuthenticationFailed,
      /^stack lifeboat-prod in eu-central-1: the credentials have expired: The security token/,
      /sign in again/,
    ],
    [
      'what AWS does not take is told as it says it',
      { status: 400, code: 'ValidationError', message: 'stackName fails to satisfy a constraint', times: 9 },
      ServerUnsuitable,
      /refuses cloudformation:DescribeStacks on lifeboat-prod: ValidationError: stackName fails/,
      /--verbose/,
    ],
  ];
  for (const [what, fault, kind, message, hint] of refusals) {
    test(what, async () => {
      const failure = await failing(fault);
      assert.ok(failure instanceof kind, String(failure));
      assert.match(failure.message, message);
      assert.match(failure.hint!, hint);
    });
  }

  test('is not told to those whose key or secret is another', async () => {
    for (const wrong of [{ AWS_ACCESS_KEY_ID: 'AKIAX' }, { AWS_SECRET_ACCESS_KEY: 'x' }]) {
      const failure = await failing(undefined, wrong);
      assert.ok(failure instanceof AuthenticationFailed);
      assert.match(failure.message, /^stack lifeboat-prod in eu-central-1: the credentials are not known there: /);
      assert.match(failure.hint!, /AWS_ACCESS_KEY_ID.*clock/);
    }
  });

  test('is found in spite of throttling and a connection that breaks', async () => {
    const operation = 'cloudformation:DescribeStacks';
    aws.faults.push({ operation, status: 400, code: 'Throttling', message: 'Rate exceeded' });
    aws.faults.push({ operation, status: 0, code: '', reset: 'before' });
    aws.faults.push({ operation, status: 503, code: 'ServiceUnavailable' });
    assert.equal((await findStack('lifeboat-prod', environment())).name, 'lifeboat-prod');
    assert.deepEqual(aws.faults, []);
  });

  test('that nobody answers for is a question for later', async () => {
    const throttled = await failing({ status: 400, code: 'Throttling', message: 'Rate exceeded', times: 5 });
    assert.ok(throttled instanceof ConnectionFailed);
    assert.match(throttled.message, /is asked too often for cloudformation:DescribeStacks: Rate exceeded/);
    const gone = await failing(undefined, { AWS_ENDPOINT_URL_CLOUDFORMATION: 'http://127.0.0.1:9' });
    assert.ok(gone instanceof ConnectionFailed);
    assert.match(gone.message, /did not answer cloudformation:DescribeStacks: ECONNREFUSED/);
  });
});
