import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { trustedKeys } from '#runtime/open-signer';
import { createSigningKey, openSigningKey, publicKeyPath, readPublicKeys } from '#runtime/signing-key';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-signing-'));
after(() => rmSync(folder, { recursive: true }));
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });

test('a key is made for its owner alone, in PKCS#8, with its public half beside it', async () => {
  const path = join(folder, 'one.key');
  const made = await createSigningKey(path);
  assert.deepEqual([statSync(path).mode & 0o777, statSync(publicKeyPath(path)).mode & 0o777], [0o600, 0o644]);
  assert.match(readFileSync(path, 'utf8'), /^-----BEGIN PRIVATE KEY-----\n/);
  assert.equal(openssl('pkey', '-in', 'one.key', '-pubout'), readFileSync(publicKeyPath(path), 'utf8'));
  assert.deepEqual(await (await openSigningKey(path)).identify(), made);
  const before = readFileSync(path);
  await assert.rejects(createSigningKey(path), { name: 'KeyUnusable', message: /exists already/ });
  assert.deepEqual(readFileSync(path), before);
});

test("openssl's own key does as well", async () => {
  openssl('genpkey', '-algorithm', 'ed25519', '-out', 'own.key');
  chmodSync(join(folder, 'own.key'), 0o600);
  assert.equal((await (await openSigningKey(join(folder, 'own.key'))).identify()).algorithm, 'ed25519');
});

test('what is no such key, or may be read by others, is refused without being shown', async () => {
  const path = join(folder, 'bad.key');
  for (const [content, mode, message] of [
    [readFileSync(join(folder, 'one.key'), 'utf8'), 0o640, /may be read or changed by others/],
    ['sEcReT', 0o600, /holds no Ed25519 key/],
    [openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'), 0o600, /holds no Ed25519 key/],
  ] as const) {
    writeFileSync(path, content);
    chmodSync(path, mode);
    await assert.rejects(openSigningKey(path), (failure: Error & { hint?: string }) => {
      assert.match(failure.message, message);
      assert.doesNotMatch(`${failure.message}${failure.hint}${failure.cause}`, /sEcReT|BEGIN/);
      return true;
    });
  }
  await assert.rejects(openSigningKey(join(folder, 'none')), { message: /does not exist/, hint: /openssl genpkey/ });
});

test('a file of public keys may hold several, and no private one', async () => {
  const [one, two] = [readFileSync(join(folder, 'one.key.pub'), 'utf8'), openssl('pkey', '-in', 'own.key', '-pubout')];
  writeFileSync(join(folder, 'all.pub'), `ours, since 2026:\n${one}\nbefore:\n${two}`);
  assert.equal((await readPublicKeys(join(folder, 'all.pub'))).length, 2);
  await assert.rejects(readPublicKeys(join(folder, 'one.key')), /holds a private key/);
  writeFileSync(join(folder, 'none.pub'), 'nothing');
  await assert.rejects(readPublicKeys(join(folder, 'none.pub')), /holds no public key/);
});

test('a plan vouches for its own key, by the public half where the other is not, and for those that signed before', async () => {
  const former = join(folder, 'former.pub');
  writeFileSync(former, openssl('pkey', '-in', 'own.key', '-pubout'));
  const [own] = await readPublicKeys(former);
  const [one] = await readPublicKeys(join(folder, 'one.key.pub'));
  const plan = (path: string) => ({ evidence: { signer: { signingKey: join(folder, path) }, formerKeys: former } });
  assert.deepEqual(await trustedKeys(plan('one.key'), {}), [one, own]);
  writeFileSync(join(folder, 'away.key.pub'), readFileSync(join(folder, 'one.key.pub')));
  assert.deepEqual(await trustedKeys(plan('away.key'), {}), [one, own]);
  assert.deepEqual(await trustedKeys({}, {}), []);
});
