import assert from 'node:assert/strict';
import { test } from 'node:test';
import { awsClientConfig, endpointVariable } from '#runtime/aws-client-config';

const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' };
const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' };

test('the endpoint of the service wins over the one for all', () => {
  const environment = { AWS_ENDPOINT_URL: 'http://all', AWS_ENDPOINT_URL_S3: 'http://s3', AWS_REGION: 'local' };
  assert.deepEqual(awsClientConfig(environment, 's3'), { endpoint: 'http://s3', region: 'local' });
  assert.deepEqual(awsClientConfig(environment, 'sfn'), { endpoint: 'http://all', region: 'local' });
  assert.equal(endpointVariable(environment, 's3'), 'AWS_ENDPOINT_URL_S3');
  assert.equal(endpointVariable(environment, 'sfn'), 'AWS_ENDPOINT_URL');
});

test('only an endpoint of its own needs no region', () => {
  assert.deepEqual(awsClientConfig({ AWS_ENDPOINT_URL: 'http://all' }, 's3').region, 'us-east-1');
  assert.deepEqual(awsClientConfig({ AWS_DEFAULT_REGION: 'eu-west-1' }, 's3'), { region: 'eu-west-1' });
  assert.deepEqual(awsClientConfig({ AWS_REGION: '', AWS_ENDPOINT_URL_S3: '' }, 's3'), {});
});

test('both halves of a key, and the token that belongs to it', () => {
  assert.deepEqual(awsClientConfig(keys, 'sns'), { credentials });
  assert.deepEqual(awsClientConfig({ ...keys, AWS_SESSION_TOKEN: 't' }, 'sns'), {
    credentials: { ...credentials, sessionToken: 't' },
  });
  assert.deepEqual(awsClientConfig({ AWS_ACCESS_KEY_ID: 'id' }, 'sns'), {});
});

test('a profile that is named wins over a key', () => {
  assert.deepEqual(awsClientConfig({ ...keys, AWS_PROFILE: 'backup' }, 'sns'), {});
});
