import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { inspect } from 'node:util';
import type { KmsKeyState } from '#harness/strict-kms-keys';
import { type KmsDenial, type KmsFault, type StrictKms, startStrictKms } from '#harness/strict-kms-server';
import { KeyUnusable, ObjectDamaged, StoreUnavailable } from '#model/failure';
import type { WrappedKey } from '#model/wrapped-key';
import { keyFileRing, masterKeyId } from '#pipeline/data-key';
import { kmsKeyRing } from '#runtime/kms-key-ring';

const [here, there] = ['eu-central-1', 'eu-west-1'];
const context = 'orders/20261120T051345123Z-full';
const encryptionContext = { 'lifeboat:source': 'orders', 'lifeboat:for': '20261120T051345123Z-full' };

let kms: StrictKms;
beforeEach(async () => {
  kms = await startStrictKms();
});
afterEach(() => kms.close());

const ringOf = (keyId: string, stallMs?: number) =>
  kmsKeyRing(keyId, kms.environment(), stallMs === undefined ? {} : { stallMs });

const stored = (wrapped: WrappedKey): WrappedKey => JSON.parse(JSON.stringify(wrapped));

const failsAs =
  (Class: new (...args: never[]) => Error, message: RegExp, hint?: RegExp) => (failure: Error & { hint?: string }) => {
    assert.ok(failure instanceof Class, inspect(failure));
    assert.match(failure.message, message);
    if (hint) assert.match(failure.hint ?? '', hint);
    return true;
  };

test('KMS makes a data key for one use, and opens it again for that use and no other', async () => {
  const ring = ringOf(kms.keys.create(here).arn);
  const { dataKey, wrapped } = await ring.create(context);
  assert.equal(dataKey.length, 32);
  assert.ok((await ring.unwrap(stored(wrapped), context)).equals(dataKey));
  const other = 'orders/20261121T051345123Z-full';
  await assert.rejects(ring.unwrap(wrapped, other), failsAs(ObjectDamaged, /changed or made for something else/));
  assert.deepEqual(
    kms.requests.map((request) => [request.action, request.context]),
    [
      ['GenerateDataKey', encryptionContext],
      ['Decrypt', encryptionContext],
      ['Decrypt', { ...encryptionContext, 'lifeboat:for': '20261121T051345123Z-full' }],
    ],
  );
});

test('the use of a data key of WAL names the system', async () => {
  await ringOf(kms.keys.create(here).arn).create('orders/wal/7445812344987123456');
  assert.deepEqual(kms.requests[0]!.context, {
    'lifeboat:source': 'orders',
    'lifeboat:for': 'wal/7445812344987123456',
  });
});

test('where the plan names an alias, the key that it stood for is stored and asked for', async () => {
  const [before, after] = [kms.keys.create(here), kms.keys.create(here)];
  const alias = kms.keys.alias(before, 'lifeboat');
  const ring = ringOf(alias);
  const { dataKey, wrapped } = await ring.create(context);
  assert.equal(wrapped.keyId, before.arn);
  kms.keys.alias(after, 'lifeboat');
  assert.ok((await ring.unwrap(wrapped, context)).equals(dataKey));
  assert.deepEqual(
    kms.requests.map(({ keyId }) => keyId),
    [alias, before.arn],
  );
});

test('a data key that others made is wrapped for one use', async () => {
  const ring = ringOf(kms.keys.create(here).arn);
  const dataKey = Buffer.alloc(32, 7);
  const wrapped = await ring.wrap(dataKey, context);
  assert.ok((await ring.unwrap(stored(wrapped), context)).equals(dataKey));
  await assert.rejects(ring.unwrap(wrapped, 'billing/20261120T051345123Z-full'), ObjectDamaged);
});

describe('a multi-Region key', () => {
  test('is asked for in the region of the plan’s key, whichever region wrapped the data key', async () => {
    const primary = kms.keys.create(here, { multiRegion: true });
    const replica = kms.keys.replicate(primary, there);
    const { dataKey, wrapped } = await ringOf(primary.arn).create(context);
    kms.requests.length = 0;
    const ring = ringOf(replica.arn);
    assert.ok((await ring.unwrap(wrapped, context)).equals(dataKey));
    assert.deepEqual(
      kms.requests.map(({ region, keyId }) => [region, keyId]),
      [[there, replica.arn]],
    );
    const back = await ring.create(context);
    assert.equal(back.wrapped.keyId, replica.arn);
    assert.ok((await ringOf(primary.arn).unwrap(back.wrapped, context)).equals(back.dataKey));
  });

  test('without a replica there is asked for where it wrapped', async () => {
    const primary = kms.keys.create(here, { multiRegion: true });
    const { dataKey, wrapped } = await ringOf(primary.arn).create(context);
    const ring = ringOf(kms.keys.create(there).arn);
    assert.ok((await ring.unwrap(wrapped, context)).equals(dataKey));
    assert.deepEqual(
      kms.requests.slice(1).map(({ region }) => region),
      [there, here],
    );
  });

  test('without a replica there, and in a region that is down, says what is missing', async () => {
    const primary = kms.keys.create(here, { multiRegion: true });
    const { wrapped } = await ringOf(primary.arn).create(context);
    kms.faults.push({ fault: { kind: 'reset' }, region: here, times: 100 });
    await assert.rejects(
      ringOf(kms.keys.create(there).arn).unwrap(wrapped, context),
      failsAs(
        StoreUnavailable,
        /the key has no replica in eu-west-1$/,
        /aws kms replicate-key --region eu-central-1 .*mrk-/,
      ),
    );
  });

  test('whose replica is disabled is not looked for elsewhere', async () => {
    const primary = kms.keys.create(here, { multiRegion: true });
    const replica = kms.keys.replicate(primary, there);
    const { wrapped } = await ringOf(primary.arn).create(context);
    replica.state = 'Disabled';
    const hint = /aws kms enable-key --region eu-west-1 --key-id mrk-/;
    await assert.rejects(ringOf(replica.arn).unwrap(wrapped, context), failsAs(KeyUnusable, /is disabled/, hint));
  });
});

test('a key of one region alone is asked for there, from wherever', async () => {
  const { dataKey, wrapped } = await ringOf(kms.keys.create(here).arn).create(context);
  assert.ok((await ringOf(kms.keys.create(there).arn).unwrap(wrapped, context)).equals(dataKey));
  assert.deepEqual(
    kms.requests.map(({ region }) => region),
    [here, here],
  );
});

describe('a key that is of no use is told with what to do:', () => {
  const states: [name: string, state: KmsKeyState | 'gone', message: RegExp, hint: RegExp][] = [
    ['disabled', 'Disabled', /DisabledException: .* is disabled/, /aws kms enable-key/],
    [
      'about to be deleted',
      'PendingDeletion',
      /KMSInvalidStateException: .* is pending deletion/,
      /ABOUT TO BE DELETED.*aws kms cancel-key-deletion --region eu-central-1 --key-id [0-9a-f-]{36},/,
    ],
    ['deleted', 'gone', /NotFoundException: Key .* does not exist/, /deleted is gone for good/],
  ];
  for (const [name, state, message, hint] of states) {
    test(name, async () => {
      const key = kms.keys.create(here);
      const ring = ringOf(key.arn);
      const { wrapped } = await ring.create(context);
      if (state === 'gone') kms.keys.delete(key);
      else key.state = state;
      await assert.rejects(ring.unwrap(wrapped, context), failsAs(KeyUnusable, message, hint));
      await assert.rejects(ring.create(context), failsAs(KeyUnusable, message, hint));
      await assert.rejects(ring.wrap(Buffer.alloc(32), context), failsAs(KeyUnusable, message, hint));
    });
  }

  const denials: [denial: KmsDenial, right: RegExp][] = [
    [{ action: 'GenerateDataKey' }, /kms:GenerateDataKey on the key/],
    [{ context: /^orders$/ }, /lifeboat:source and lifeboat:for/],
  ];
  for (const [denial, hint] of denials) {
    test(`denied by ${inspect(denial)}`, async () => {
      kms.denials.push(denial);
      const message = /^make data key of orders\/.*: KMS in eu-central-1: AccessDeniedException: User: arn:/;
      await assert.rejects(ringOf(kms.keys.create(here).arn).create(context), failsAs(KeyUnusable, message, hint));
    });
  }

  test('an alias of nothing', async () => {
    const ring = ringOf('arn:aws:kms:eu-central-1:111122223333:alias/nobody');
    await assert.rejects(ring.create(context), failsAs(KeyUnusable, /Alias .* is not found/, /no such key in eu-/));
  });

  test('a session that is over', async () => {
    kms.expired = true;
    const ring = ringOf(kms.keys.create(here).arn);
    await assert.rejects(ring.create(context), failsAs(KeyUnusable, /ExpiredToken/, /log in again/));
    assert.equal(kms.requests.length, 0);
  });

  test('credentials that nobody knows, and a secret that is another one', async () => {
    const { arn } = kms.keys.create(here);
    const unknown = kmsKeyRing(arn, { ...kms.environment(), AWS_ACCESS_KEY_ID: 'AKIDSOMEBODY' });
    await assert.rejects(unknown.create(context), failsAs(KeyUnusable, /Unrecognized/, /AWS_ACCESS_KEY_ID/));
    const wrong = kmsKeyRing(arn, { ...kms.environment(), AWS_SECRET_ACCESS_KEY: 'hunter2' });
    await assert.rejects(wrong.create(context), failsAs(KeyUnusable, /InvalidSignature/, /AWS_SECRET_ACCESS_KEY/));
  });

  test('what a key file wrapped', async () => {
    const key = Buffer.alloc(32, 1);
    const { wrapped } = await keyFileRing([{ id: masterKeyId(key), key }]).create(context);
    const ring = ringOf(kms.keys.create(here).arn);
    const message = new RegExp(`was encrypted with key ${masterKeyId(key)} of a key file, the plan names KMS key arn:`);
    await assert.rejects(ring.unwrap(wrapped, context), failsAs(KeyUnusable, message, /rekey --from-key-file/));
    assert.equal(kms.requests.length, 0);
  });
});

describe('what was changed is damage:', () => {
  test('any byte of the wrapped key', async () => {
    const ring = ringOf(kms.keys.create(here).arn);
    const { wrapped } = await ring.create(context);
    const bytes = Buffer.from(wrapped.wrapped, 'base64');
    for (let at = 0; at < bytes.length; at += 5) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      const other = { ...wrapped, wrapped: changed.toString('base64') } satisfies WrappedKey;
      await assert.rejects(ring.unwrap(other, context), failsAs(ObjectDamaged, /changed or made for something else/));
    }
  });

  test('the name of the key that wrapped it', async () => {
    const ring = ringOf(kms.keys.create(here).arn);
    const { wrapped } = await ring.create(context);
    const other = { ...wrapped, keyId: kms.keys.create(here).arn };
    await assert.rejects(ring.unwrap(other, context), failsAs(ObjectDamaged, /changed or made for something else/));
  });

  test('a data key of another length', async () => {
    const ring = ringOf(kms.keys.create(here).arn);
    const wrapped = await ring.wrap(Buffer.alloc(16, 1), context);
    await assert.rejects(ring.unwrap(wrapped, context), ObjectDamaged);
  });
});

describe('bad luck', () => {
  const passing: KmsFault[] = [
    { kind: 'error', code: 'ThrottlingException' },
    { kind: 'error', code: 'KMSInternalException', status: 500 },
    { kind: 'error', code: 'DependencyTimeoutException', status: 503 },
    { kind: 'error', code: 'KeyUnavailableException', status: 500 },
    { kind: 'reset' },
    { kind: 'stall' },
  ];
  for (const fault of passing) {
    test(`that passes costs one more request: ${Object.values(fault).join(' ')}`, async () => {
      const ring = ringOf(kms.keys.create(here).arn, fault.kind === 'stall' ? 1_500 : undefined);
      const { dataKey, wrapped } = await ring.create(context);
      kms.faults.push({ fault, action: 'Decrypt' });
      assert.ok((await ring.unwrap(wrapped, context)).equals(dataKey));
      assert.equal(kms.requests.length, 3);
    });
  }

  for (const fault of [{ kind: 'error', code: 'KMSInternalException', status: 500 }, { kind: 'reset' }] as const) {
    test(`that stays is no fault of the key, and may be tried again: ${Object.values(fault).join(' ')}`, async () => {
      const ring = ringOf(kms.keys.create(here).arn);
      const { wrapped } = await ring.create(context);
      kms.faults.push({ fault, action: 'Decrypt', times: 100 });
      const unavailable = failsAs(StoreUnavailable, /^unwrap data key of orders.*: KMS in eu-central-1 with arn:/);
      await assert.rejects(ring.unwrap(wrapped, context), unavailable);
      assert.equal(kms.requests.length, 1 + 5);
      kms.faults.length = 0;
      await ring.unwrap(wrapped, context);
    });
  }

  test('nobody listens there', async () => {
    const ring = kmsKeyRing(kms.keys.create(here).arn, {
      ...kms.environment(),
      AWS_ENDPOINT_URL_KMS: 'http://127.0.0.1:9',
    });
    await assert.rejects(ring.create(context), failsAs(StoreUnavailable, /ECONNREFUSED/, /nothing listens/));
  });

  test('an endpoint that is no URL is for somebody to put right', async () => {
    const ring = kmsKeyRing(kms.keys.create(here).arn, { ...kms.environment(), AWS_ENDPOINT_URL_KMS: 'kms.local' });
    await assert.rejects(ring.create(context), failsAs(KeyUnusable, /./, /AWS_ENDPOINT_URL_KMS/));
  });
});

test('nothing that is told shows a data key', async () => {
  const ring = ringOf(kms.keys.create(here).arn);
  const { dataKey, wrapped } = await ring.create(context);
  kms.denials.push({ action: 'Encrypt' });
  const failures: unknown[] = [];
  await ring.wrap(dataKey, context).catch((failure) => failures.push(failure));
  await ring.unwrap(wrapped, 'orders/wal/1').catch((failure) => failures.push(failure));
  // the error of whoever cannot parse it quotes what stands around the nonsense
  kms.faults.push({ fault: { kind: 'garbled' }, action: 'Decrypt', times: 100 });
  await ring.unwrap(wrapped, context).catch((failure) => failures.push(failure));
  assert.ok(failures[2] instanceof StoreUnavailable);
  const told = failures.map((failure) => inspect(failure, { depth: 10, showHidden: true })).join();
  assert.equal(failures.length, 3);
  for (const form of ['hex', 'base64'] as const) assert.ok(!told.includes(dataKey.toString(form)));
  assert.ok(!told.includes(dataKey.toString('base64').slice(0, 6)), told);
  assert.ok(!told.includes(kms.credentials.secretAccessKey));
});
