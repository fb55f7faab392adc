import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { createS3Client } from '#runtime/s3-client';

test('a body is hashed for its signature over HTTP, and not under TLS', async () => {
  assert.match(await payloadHashAt('http://127.0.0.1:9'), /^[0-9a-f]{64}$/);
  assert.equal(await payloadHashAt('https://127.0.0.1:9'), 'UNSIGNED-PAYLOAD');
});

async function payloadHashAt(endpoint: string): Promise<string> {
  const credentials = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y' };
  const client = createS3Client({ AWS_ENDPOINT_URL_S3: endpoint, ...credentials }, 1000);
  let headers: Record<string, string> = {};
  client.middlewareStack.add(
    () => (args) => {
      headers = (args.request as { headers: Record<string, string> }).headers;
      throw new Error('not sent');
    },
    { step: 'finalizeRequest', priority: 'low' },
  );
  await assert.rejects(client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'a', Body: 'hello' })), /not sent/);
  assert.match(headers.authorization ?? '', /SignedHeaders=[^,]*x-amz-content-sha256/);
  return headers['x-amz-content-sha256'] ?? '';
}
