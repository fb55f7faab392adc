import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { type StrictS3, startStrictS3 } from '#harness/strict-s3-server';

const Bucket = 'strict-bucket';

describe('the strict S3 server', () => {
  let server: StrictS3;
  let client: S3Client;

  before(async () => {
    server = await startStrictS3({ bucket: Bucket });
    client = connect({});
  });
  after(() => server.close());

  function connect(config: S3ClientConfig): S3Client {
    const { endpoint, credentials } = server;
    return new S3Client({ endpoint, credentials, region: 'x', forcePathStyle: true, maxAttempts: 1, ...config });
  }

  async function refused(asking: Promise<unknown>, code: string): Promise<void> {
    await assert.rejects(asking, (error) => error instanceof Error && error.name === code);
  }

  test('refuses a wrong secret, an unknown key, a wrong clock and no signature at all', async () => {
    const credentials = { ...server.credentials, secretAccessKey: 'wrong' };
    const get = new GetObjectCommand({ Bucket, Key: 'a' });
    await refused(connect({ credentials }).send(get), 'SignatureDoesNotMatch');
    await refused(connect({ credentials: { ...credentials, accessKeyId: 'WHO' } }).send(get), 'InvalidAccessKeyId');
    await refused(connect({ systemClockOffset: 3_600_000 }).send(get), 'RequestTimeTooSkewed');
    assert.equal((await fetch(`${server.endpoint}/${Bucket}/a`)).status, 403);
  });

  test('refuses bytes and headers that were changed after they were signed', async () => {
    const tamper = (change: (request: { headers: Record<string, string>; body: unknown }) => void) => {
      const tampering = connect({ requestChecksumCalculation: 'WHEN_REQUIRED' });
      tampering.middlewareStack.add(
        (next) => (args) => {
          change(args.request as { headers: Record<string, string>; body: unknown });
          return next(args);
        },
        { step: 'finalizeRequest', priority: 'low' },
      );
      return tampering.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'hello', IfNoneMatch: '*' }));
    };
    await refused(
      tamper((request) => (request.body = Buffer.from('jello'))),
      'XAmzContentSHA256Mismatch',
    );
    await refused(
      tamper((request) => delete request.headers['if-none-match']),
      'SignatureDoesNotMatch',
    );
    await refused(
      tamper((request) => (request.headers['x-amz-acl'] = 'public-read')),
      'AccessDenied',
    );
    assert.equal(server.bucket.objects.has('a'), false);
  });

  test('refuses a checksum that does not match, in a header and in the trailer of a stream', async () => {
    const wrong = { ChecksumCRC32: 'AAAAAA==' };
    await refused(client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'hello', ...wrong })), 'BadDigest');
    const sha = { ChecksumSHA256: Buffer.alloc(32).toString('base64') };
    await refused(client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'hello', ...sha })), 'BadDigest');
    const md5 = { ContentMD5: Buffer.alloc(16).toString('base64') };
    await refused(client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'hello', ...md5 })), 'BadDigest');
    assert.equal((await fetchChunked('5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n')).code, 'BadDigest');
    assert.equal((await fetchChunked('5\r\nhello\r\n0\r\n\r\n')).code, 'MalformedTrailerError');
    assert.equal((await fetchChunked('5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n')).status, 200);
    assert.equal(server.bucket.find('chunked').bytes.toString(), 'hello');
  });

  /** A put in aws-chunked encoding, signed by the SDK. */
  async function fetchChunked(wire: string): Promise<{ status: number; code: string | undefined }> {
    const chunking = connect({ requestChecksumCalculation: 'WHEN_REQUIRED' });
    chunking.middlewareStack.add(
      (next) => (args) => {
        const request = args.request as { headers: Record<string, string>; body: unknown };
        request.body = Buffer.from(wire);
        Object.assign(request.headers, {
          'content-encoding': 'aws-chunked',
          'content-length': String(wire.length),
          'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
          'x-amz-decoded-content-length': '5',
          'x-amz-trailer': 'x-amz-checksum-crc32',
        });
        return next(args);
      },
      { step: 'build', priority: 'low' },
    );
    try {
      const answer = await chunking.send(new PutObjectCommand({ Bucket, Key: 'chunked', Body: 'hello' }));
      return { status: answer.$metadata.httpStatusCode ?? 0, code: undefined };
    } catch (error) {
      return { status: 400, code: (error as Error).name };
    }
  }

  test('takes a stream as the SDK sends it', async () => {
    const { Readable } = await import('node:stream');
    const Body = Readable.from([Buffer.from('hel'), Buffer.from('lo')]);
    const put = new PutObjectCommand({ Bucket, Key: 'stream', Body, ContentLength: 5, ChecksumAlgorithm: 'CRC32' });
    await client.send(put);
    assert.equal(server.bucket.find('stream').crc32, 'NhCmhg==');
  });

  test('holds the conditions', async () => {
    const put = (more: object) => client.send(new PutObjectCommand({ Bucket, Key: 'condition', Body: 'x', ...more }));
    await refused(put({ IfMatch: '"none"' }), 'NoSuchKey');
    const { ETag } = await put({ IfNoneMatch: '*' });
    await refused(put({ IfNoneMatch: '*' }), 'PreconditionFailed');
    await refused(put({ IfMatch: '"other"' }), 'PreconditionFailed');
    await put({ IfMatch: ETag });
  });

  test('holds the rules of uploads in pieces', async () => {
    const at = { Bucket, Key: 'pieces' };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...at }));
    const send = async (PartNumber: number, Body: Buffer): Promise<CompletedPart> => {
      const { ETag } = await client.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body }));
      return { PartNumber, ETag };
    };
    const complete = (Parts: CompletedPart[], more: object = {}) => {
      return client.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts }, ...more }));
    };
    const large = await send(1, Buffer.alloc(5 * 1024 * 1024));
    const small = await send(2, Buffer.alloc(10));
    const last = await send(3, Buffer.alloc(10));
    await refused(send(0, Buffer.alloc(1)), 'InvalidArgument');
    await refused(send(10_001, Buffer.alloc(1)), 'InvalidArgument');
    await refused(complete([small, large]), 'InvalidPartOrder');
    await refused(complete([large, small, last]), 'EntityTooSmall');
    await refused(complete([large, { ...last, ETag: large.ETag! }]), 'InvalidPart');
    await refused(complete([large, last], { MpuObjectSize: 5 }), 'InvalidRequest');
    await refused(complete([large, last], { IfMatch: '"none"' }), 'NoSuchKey');
    const open = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    assert.equal(open.Uploads?.length, 1);
    await complete([large, last], { MpuObjectSize: 5 * 1024 * 1024 + 10 });
    await refused(complete([large, last]), 'NoSuchUpload');
    assert.match(server.bucket.find('pieces').etag, /-2"$/);
  });

  test('refuses ranges beyond the end, missing keys and missing buckets', async () => {
    await client.send(new PutObjectCommand({ Bucket, Key: 'range', Body: 'hello' }));
    await refused(client.send(new GetObjectCommand({ Bucket, Key: 'range', Range: 'bytes=5-' })), 'InvalidRange');
    await refused(client.send(new GetObjectCommand({ Bucket, Key: 'nothing' })), 'NoSuchKey');
    await refused(client.send(new GetObjectCommand({ Bucket: 'no-bucket', Key: 'x' })), 'NoSuchBucket');
    await refused(client.send(new HeadBucketCommand({ Bucket: 'no-bucket' })), 'NotFound');
    await client.send(new CreateBucketCommand({ Bucket: 'made' }));
    await client.send(new HeadBucketCommand({ Bucket: 'made' }));
  });

  test('lists in pages with a delimiter, and deletes several', async () => {
    for (const Key of ['p/a/1', 'p/a/2', 'p/b', 'p/c/1'])
      await client.send(new PutObjectCommand({ Bucket, Key, Body: '' }));
    const found: (string | undefined)[] = [];
    let ContinuationToken: string | undefined;
    do {
      const list = { Bucket, Prefix: 'p/', Delimiter: '/', MaxKeys: 1, ContinuationToken };
      const page = await client.send(new ListObjectsV2Command(list));
      found.push(...(page.Contents ?? []).map((object) => object.Key));
      found.push(...(page.CommonPrefixes ?? []).map((folder) => folder.Prefix));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken);
    assert.deepEqual(found, ['p/a/', 'p/b', 'p/c/']);
    const Objects = [{ Key: 'p/a/1' }, { Key: 'p/nothing' }];
    const deleted = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    assert.equal(deleted.Deleted?.length, 2);
    assert.equal(server.bucket.objects.has('p/a/1'), false);
  });
});
