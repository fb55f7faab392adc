import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { AwsRefusal } from '#harness/strict-aws-signature';
import { startStrictRegions } from '#harness/strict-regions';
import type { Failure } from '#model/failure';
import { databaseFailure } from '#runtime/database-failure';
import { openRdsInstance } from '#runtime/rds-instance';

/** The actions that a move of a database is made of; what each may answer stands in the SDK, as AWS documents it. */
const actions = {
  'client-rds': [
    ...['AddTagsToResource', 'CreateDBInstanceReadReplica', 'DescribeDBClusters', 'DescribeDBInstances'],
    ...['DescribeGlobalClusters', 'FailoverGlobalCluster', 'ModifyDBInstance', 'PromoteReadReplica'],
    ...['RebootDBInstance', 'RemoveTagsFromResource', 'SwitchoverGlobalCluster'],
  ],
  'client-ssm': ['GetCommandInvocation', 'ListCommands', 'SendCommand'],
  'client-route-53': ['GetHealthCheckStatus'],
};

const folder = (client: string): string =>
  join(createRequire(import.meta.url).resolve(`@aws-sdk/${client}/package.json`), '..', 'dist-types', 'commands');

async function documented(client: string, action: string): Promise<string[]> {
  const text = await readFile(join(folder(client), `${action}Command.d.ts`), 'utf8');
  return [...text.matchAll(/@throws \{@link (\w+)\}/g)]
    .map(([, name]) => name!)
    .filter((name) => !/ServiceException$/.test(name));
}

/** These are answers to whoever asks, and never told. */
const expected = new Set(['InvocationDoesNotExist']);
const unexplained = 'AWS does not take the request: see what it says, and run it again with --verbose';

for (const [client, names] of Object.entries(actions)) {
  for (const action of names) {
    test(`every error that ${action} documents is told with what to do`, async () => {
      const errors = await documented(client, action);
      assert.ok(errors.length > 0, 'AWS documents some');
      for (const name of errors.filter((one) => !expected.has(one))) {
        const error = Object.assign(new Error('because'), { name, $metadata: { httpStatusCode: 400 } });
        const failure = databaseFailure(error, { action, subject: 'orders', place: 'AWS in eu-west-1' });
        assert.match(failure.message, new RegExp(`AWS in eu-west-1 refuses ${action} on orders: ${name}: because`));
        assert.ok(
          failure.hint && (failure.hint !== unexplained || /^Invalid(?:Filter|Next|Notif|Output|Role)/.test(name)),
          name,
        );
      }
    });
  }
}

test('an error that AWS names otherwise on the wire is known by the name of the SDK', async (t) => {
  const rds = await startStrictRegions({
    ...{ service: 'rds', variable: 'RDS', protocol: 'query', version: '2014-10-31' },
    answer: () => {
      throw new AwsRefusal(404, 'DBInstanceNotFound', 'orders not found.');
    },
  });
  t.after(() => rds.close());
  const orders = openRdsInstance('orders', 'eu-west-1', rds.environment);
  const signal = new AbortController().signal;
  assert.equal(await orders.describe(signal), undefined);
  await assert.rejects(orders.reboot(signal), {
    name: 'ServerUnsuitable',
    message:
      'RDS in eu-west-1 refuses rds:RebootDBInstance on the instance orders: DBInstanceNotFoundFault: orders not found.',
    hint: /check instance in the plan/,
  });
});

test('what passes by itself may be tried again, and what is no error of AWS is not taken for one', () => {
  const of = (name: string): Failure =>
    databaseFailure(Object.assign(new Error('x'), { name }), { action: 'a', subject: 's', place: 'p' });
  for (const name of ['InsufficientInstanceCapacity', 'InternalServerError', 'ThrottlingException', 'TypeError'])
    assert.equal(of(name).verdict, 'retry', name);
  for (const name of ['OperationNotPermitted', 'AccessDenied', 'constructor'])
    assert.equal(of(name).verdict, name === 'constructor' ? 'retry' : 'operator', name);
});
