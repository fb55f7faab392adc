import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RestoreObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { startStrictS3 } from '#harness/strict-s3-server';
import { StoreRefused } from '#model/failure';
import { openStore } from '#runtime/open-store';
import { all, read } from './contract.ts';

const key = "orders/backups/it's one/base.tar.000000";

async function archivedObject(t: { after(close: () => Promise<void>): void }, prefix = '') {
  const server = await startStrictS3({ bucket: 'strict-bucket' });
  t.after(server.close);
  const store = await openStore(`s3://strict-bucket${prefix}`, server.environment);
  await store.put(key, Buffer.from('cold'));
  return { server, store };
}

const refused = async (reading: Promise<unknown>): Promise<StoreRefused> => {
  const failure = await reading.then(
    () => assert.fail('it was read'),
    (error: unknown) => error,
  );
  assert.ok(failure instanceof StoreRefused, String(failure));
  return failure;
};

test('an archived object is refused by name and class, and the command of the hint thaws it', async (t) => {
  const { server, store } = await archivedObject(t, '/some/prefix');
  server.bucket.archive(`some/prefix/${key}`, 'GLACIER');
  const failure = await refused(read(store, key));
  assert.equal(
    failure.message,
    `get s3://strict-bucket/some/prefix/${key}: the object is in GLACIER, and has to be thawed first`,
  );
  await runHint(server, failure.hint ?? '');
  const waiting = await refused(store.get(key, { range: { start: 1 } }));
  assert.match(waiting.message, /is in GLACIER, and is being thawed$/);
  assert.match(waiting.hint ?? '', /^wait until `aws s3api head-object --bucket strict-bucket --key '.*'` says/);
  server.bucket.completeThaws();
  assert.equal((await read(store, key)).toString(), 'cold');
});

test('head and list tell what is archived until it is thawed', async (t) => {
  const { server, store } = await archivedObject(t);
  assert.equal((await store.head(key))?.archived, undefined);
  server.bucket.archive(key, 'DEEP_ARCHIVE');
  const told = async () => {
    const [listed] = await all(store.list('orders/'));
    return [(await store.head(key))?.archived, listed?.archived];
  };
  assert.deepEqual(await told(), ['DEEP_ARCHIVE', 'DEEP_ARCHIVE']);
  server.bucket.thaw(key);
  assert.deepEqual(await told(), ['DEEP_ARCHIVE', 'DEEP_ARCHIVE']);
  server.bucket.completeThaws();
  assert.deepEqual(await told(), [undefined, undefined]);
});

test('Deep Archive is told apart, since it takes longer', async (t) => {
  const { server, store } = await archivedObject(t);
  server.bucket.archive(key, 'DEEP_ARCHIVE');
  const { message, hint } = await refused(read(store, key));
  assert.match(message, /is in DEEP_ARCHIVE/);
  assert.match(hint ?? '', /wait 12 hours/);
});

test('an archived object is refused also where nothing more can be learnt of it', async (t) => {
  const { server, store } = await archivedObject(t);
  server.bucket.archive(key, 'GLACIER');
  server.faults.add({ method: 'HEAD', fault: { kind: 'error', status: 403, code: 'AccessDenied' }, times: 9 });
  assert.match((await refused(read(store, key))).message, /is in an archive class, and has to be thawed first$/);
});

/** The request of the command between the backticks, as the aws command makes it. */
async function runHint(server: Awaited<ReturnType<typeof startStrictS3>>, hint: string): Promise<void> {
  const words = /^thaw it with `aws s3api restore-object (--bucket \S+ --key .*? --restore-request .*)`/.exec(hint);
  assert.ok(words, hint);
  const [Bucket, Key, request] = shellWords(words[1] ?? '').filter((word) => !word.startsWith('--'));
  const { endpoint, credentials } = server;
  const client = new S3Client({ endpoint, credentials, region: 'x', forcePathStyle: true });
  await client.send(new RestoreObjectCommand({ Bucket, Key, RestoreRequest: JSON.parse(request ?? '') }));
}

/** What a shell makes of words in single quotes and without. */
function shellWords(line: string): string[] {
  const words = line.match(/(?:'[^']*'|\\.|[^\s'\\])+/g) ?? [];
  return words.map((word) => word.replace(/'([^']*)'|\\(.)/g, (_, plain, escaped) => plain ?? escaped));
}
