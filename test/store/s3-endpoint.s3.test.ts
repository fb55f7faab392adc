import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { openStore } from '#runtime/open-store';
import { storeContract } from './contract.ts';

const endpoint = process.env.LIFEBOAT_TEST_S3_ENDPOINT;
const bucket = process.env.LIFEBOAT_TEST_S3_BUCKET ?? 'lifeboat-test';

if (endpoint === undefined) {
  test('no endpoint was given: set LIFEBOAT_TEST_S3_ENDPOINT and the AWS_ variables to try a real S3 server', () =>
    undefined);
} else {
  storeContract(`the S3 server at ${endpoint}`, async () => {
    await createBucket(endpoint);
    const environment = { ...process.env, AWS_ENDPOINT_URL_S3: endpoint };
    // short, since the longest keys of the contract have 1,004 bytes
    return { store: await openStore(`s3://${bucket}/contract-${randomUUID().slice(0, 8)}`, environment) };
  });
}

async function createBucket(url: string): Promise<void> {
  const client = new S3Client({ endpoint: url, forcePathStyle: true, region: process.env.AWS_REGION ?? 'us-east-1' });
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } catch (error) {
    const isThere = error instanceof Error && /^BucketAlready(Exists|OwnedByYou)$/.test(error.name);
    if (!isThere) throw error;
  } finally {
    client.destroy();
  }
}
