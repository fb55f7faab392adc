import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readSmallContainer } from '#pipeline/read-container';

interface Golden {
  key: string;
  header: Record<string, unknown>;
  content: string;
  stored: string;
}

const goldens = JSON.parse(readFileSync(new URL('../golden/containers.json', import.meta.url), 'utf8')) as Record<
  string,
  Golden
>;

const whatToDo =
  'objects in old buckets look like this: keep reading them. A container that is laid out otherwise needs a new value of ' +
  '`format`, an own golden file, and its words in docs/format.md';

for (const [name, golden] of Object.entries(goldens)) {
  test(`a container written long ago is still read: ${name}`, async () => {
    const body = (async function* () {
      yield Buffer.from(golden.stored, 'base64');
    })();
    const dataKey = () => (golden.key === '' ? undefined : Buffer.from(golden.key, 'hex'));
    const { header, bytes } = await readSmallContainer(body, { key: name, dataKey, maxBytes: 1 << 20 });
    assert.deepEqual({ ...header }, golden.header, whatToDo);
    assert.equal(bytes.toString('utf8'), golden.content, whatToDo);
  });
}
