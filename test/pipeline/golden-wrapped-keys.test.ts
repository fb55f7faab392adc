import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseManifest, printManifest } from '#model/manifest';
import { type WrappedKey, wrappedKeySchema, wrappingKeyName } from '#model/wrapped-key';
import { keyFileRing, masterKeyId } from '#pipeline/data-key';
import { encryptionContext } from '#runtime/kms-key-ring';

interface Golden {
  wrapped: WrappedKey;
  context: string;
  /** names the key in keys of re-wraps */
  name: string;
  masterKey?: string;
  dataKey?: string;
  encryptionContext?: Record<string, string>;
}

const read = (name: string): string => readFileSync(new URL(`../golden/${name}`, import.meta.url), 'utf8');
const goldens = JSON.parse(read('wrapped-keys.json')) as Record<string, Golden>;

const whatToDo =
  'data keys in old buckets are wrapped like this: keep unwrapping them. Another way to wrap is another `method`, with ' +
  'golden ones of its own and its words in docs/format.md';

for (const [name, golden] of Object.entries(goldens)) {
  test(`a data key that was wrapped long ago is known, wrapped by ${name}`, async () => {
    const { wrapped, context, masterKey } = golden;
    assert.deepEqual(wrappedKeySchema.parse(wrapped), wrapped, whatToDo);
    assert.equal(wrappingKeyName(wrapped), golden.name, whatToDo);
    if (masterKey === undefined) {
      return assert.deepEqual(encryptionContext(context), golden.encryptionContext, whatToDo);
    }
    const key = Buffer.from(masterKey, 'hex');
    const dataKey = await keyFileRing([{ id: masterKeyId(key), key }]).unwrap(wrapped, context);
    assert.equal(dataKey.toString('hex'), golden.dataKey, whatToDo);
  });

  test(`a manifest has it as it is: wrapped by ${name}`, () => {
    const manifest = JSON.parse(read('manifest.json'));
    manifest.encryption.key = golden.wrapped;
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    assert.equal(printManifest(parseManifest(text, 'manifest.json')), text);
  });
}

const wrong: [what: string, change: object][] = [
  ['another method', { method: 'vault' }],
  ['an alias in place of a key', { keyId: 'arn:aws:kms:eu-central-1:111122223333:alias/lifeboat' }],
  ['a key without its ARN', { keyId: 'mrk-0123456789abcdef0123456789abcdef' }],
  ['text that is no base64', { wrapped: 'hunter2!' }],
  ['nothing wrapped', { wrapped: '' }],
  ['a field more', { region: 'eu-central-1' }],
];
for (const [what, change] of wrong) {
  test(`${what} is no wrapped key`, () => {
    const { wrapped } = goldens['a KMS key of several regions, of a backup']!;
    assert.ok(!wrappedKeySchema.safeParse({ ...wrapped, ...change }).success);
  });
}
