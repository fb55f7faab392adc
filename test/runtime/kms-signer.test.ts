import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import type { KmsKey } from '#harness/strict-kms-keys';
import { type StrictKms, startStrictKms } from '#harness/strict-kms-server';
import { KeyUnusable, StoreUnavailable } from '#model/failure';
import { kmsSigner } from '#runtime/kms-signer';

const here = 'eu-central-1';
const bytes = Buffer.from('lifeboat-evidence-head/1\n');
let kms: StrictKms;
let key: KmsKey;
beforeEach(async () => {
  kms = await startStrictKms();
  key = kms.keys.createSigning(here);
});
afterEach(() => kms.close());

const signerOf = (arn: string) => kmsSigner(arn, kms.environment());
const refusal =
  (Class: typeof KeyUnusable | typeof StoreUnavailable, message: RegExp, hint: RegExp) => (failure: unknown) => {
    assert.ok(failure instanceof Class, String(failure));
    assert.match(failure.message, message);
    assert.match(failure.hint ?? '', hint);
    return true;
  };

test('KMS signs with a key that never leaves it, and everybody can verify that', async () => {
  const signer = signerOf(key.arn);
  const { algorithm, keyId, publicKey } = await signer.identify();
  assert.deepEqual([algorithm, keyId], ['ecdsa-p256-sha256', key.arn]);
  const signature = await signer.sign(bytes);
  const spki = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' });
  assert.ok(verify('sha256', bytes, spki, signature));
  assert.deepEqual(
    kms.requests.map(({ action }) => action),
    ['GetPublicKey', 'Sign'],
  );
});

test('asked for by an alias it names the key, and signs with the one that it has named', async () => {
  const alias = kms.keys.alias(key, 'lifeboat-prod-evidence');
  const signer = signerOf(alias);
  assert.equal((await signer.identify()).keyId, key.arn);
  kms.keys.alias(kms.keys.createSigning(here), 'lifeboat-prod-evidence');
  await signer.sign(bytes);
  assert.deepEqual(
    kms.requests.map(({ keyId }) => keyId),
    [alias, key.arn],
  );
});

test('throttling is waited out, and told as something that passes when it lasts', async () => {
  kms.faults.push({ fault: { kind: 'error', code: 'ThrottlingException' }, action: 'Sign', times: 2 });
  await signerOf(key.arn).sign(bytes);
  kms.faults.push({ fault: { kind: 'error', code: 'ThrottlingException' }, action: 'Sign', times: 5 });
  await assert.rejects(
    signerOf(key.arn).sign(bytes),
    refusal(
      StoreUnavailable,
      /^sign of the evidence: KMS in eu-central-1 with arn:.*ThrottlingException/,
      /run it again/,
    ),
  );
});

test('who may not sign is told the right that is missing, without an encryption context that nobody asks for', async () => {
  kms.denials.push({ action: 'Sign' });
  await assert.rejects(
    signerOf(key.arn).sign(bytes),
    refusal(
      KeyUnusable,
      /AccessDeniedException/,
      /^give these credentials kms:Sign on the key, in their policy and in the key's$/,
    ),
  );
  kms.denials.push({ action: 'GetPublicKey' });
  await assert.rejects(signerOf(key.arn).identify(), refusal(KeyUnusable, /AccessDenied/, /kms:GetPublicKey/));
});

test('a key that is disabled, about to be deleted, gone, or of another kind signs nothing', async () => {
  key.state = 'Disabled';
  await assert.rejects(signerOf(key.arn).sign(bytes), refusal(KeyUnusable, /DisabledException/, /aws kms enable-key/));
  key.state = 'PendingDeletion';
  await assert.rejects(signerOf(key.arn).sign(bytes), refusal(KeyUnusable, /KMSInvalidState/, /cancel-key-deletion/));
  kms.keys.delete(key);
  await assert.rejects(
    signerOf(key.arn).sign(bytes),
    refusal(KeyUnusable, /NotFoundException/, /there is no such key/),
  );
  await assert.rejects(
    signerOf(kms.keys.create(here).arn).sign(bytes),
    refusal(KeyUnusable, /UnsupportedOperationException/, /ECC_NIST_P256, SIGN_VERIFY/),
  );
});

test('what failed once is asked again', async () => {
  const signer = signerOf(key.arn);
  kms.denials.push({ action: 'GetPublicKey' });
  await assert.rejects(signer.identify());
  kms.denials.length = 0;
  assert.equal((await signer.identify()).keyId, key.arn);
});
