import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { recordEvidence } from '#catalog/evidence';
import { signEvidence } from '#catalog/sign-evidence';
import { dayOf, deed } from '#harness/signed-evidence';
import { startStrictKms } from '#harness/strict-kms-server';
import type { EvidenceSigner } from '#model/evidence-signer';
import { kmsSigner } from '#runtime/kms-signer';
import { createSigningKey, openSigningKey } from '#runtime/signing-key';
import { createDirectoryStore } from '#store/directory-store';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-format-'));
after(() => rmSync(folder, { recursive: true }));

/** The commands of docs/format.md that verify a head, as they stand there. */
const documented = (algorithm: string): string => {
  const text = readFileSync(new URL('../../docs/format.md', import.meta.url), 'utf8');
  const commands = (introduction: string) => {
    const [, found] = text.split(`${introduction}:\n\n`)[1]?.match(/^((?: {4}.*\n)+)/) ?? assert.fail(introduction);
    return found!.replaceAll(/^ {4}/gm, '');
  };
  return `${commands('The text and the signature')}${commands(`\`${algorithm}\``)}`;
};

async function signed(name: string, signer: EvidenceSigner): Promise<string> {
  const bucket = join(folder, name);
  const store = await createDirectoryStore(bucket);
  await recordEvidence(store, deed('a'));
  await signEvidence(store, signer, dayOf(21));
  await recordEvidence(store, deed('b'));
  await signEvidence(store, signer, dayOf(22));
  const { publicKey } = await signer.identify();
  const der = Buffer.from(publicKey, 'base64');
  writeFileSync(join(bucket, 'der'), der);
  execFileSync('openssl', ['pkey', '-pubin', '-inform', 'DER', '-in', 'der', '-out', 'evidence.key.pub'], {
    cwd: bucket,
  });
  return bucket;
}

function verified(bucket: string, algorithm: string): string {
  const script = `set -e\nhead=evidence-heads/2026-11-22.json\n${documented(algorithm)}`;
  try {
    return execFileSync('bash', ['-c', script], { cwd: bucket, encoding: 'utf8', stdio: 'pipe' });
  } catch (failure) {
    return (failure as { stdout: string; stderr: string }).stdout + (failure as { stderr: string }).stderr;
  }
}

function tampered(bucket: string): void {
  const path = join(bucket, 'evidence-heads', '2026-11-22.json');
  writeFileSync(path, readFileSync(path, 'utf8').replace('"sequence": 2', '"sequence": 1'));
}

test('a stranger verifies a head that a key file signed with openssl and jq, as docs/format.md says', async () => {
  await createSigningKey(join(folder, 'evidence.key'));
  const bucket = await signed('file', await openSigningKey(join(folder, 'evidence.key')));
  assert.match(verified(bucket, 'ed25519'), /^Signature Verified Successfully$/m);
  tampered(bucket);
  assert.match(verified(bucket, 'ed25519'), /^Signature Verification Failure$/m);
});

test('and one that KMS signed', async () => {
  const kms = await startStrictKms();
  const signer = kmsSigner(kms.keys.createSigning('eu-central-1').arn, kms.environment());
  const bucket = await signed('kms', signer).finally(() => kms.close());
  assert.match(verified(bucket, 'ecdsa-p256-sha256'), /^Verified OK$/m);
  tampered(bucket);
  assert.match(verified(bucket, 'ecdsa-p256-sha256'), /^Verification failure$/im);
});
