import { startStrictS3 } from '#harness/strict-s3-server';
import { openStore } from '#runtime/open-store';
import { storeContract } from './contract.ts';

for (const [name, prefix] of [
  ['a bucket of S3', ''],
  ['a prefix in a bucket of S3', '/some/prefix'],
]) {
  storeContract(name!, async () => {
    const server = await startStrictS3({ bucket: 'strict-bucket' });
    const store = await openStore(`s3://strict-bucket${prefix}`, server.environment);
    return { store, close: server.close };
  });
}
