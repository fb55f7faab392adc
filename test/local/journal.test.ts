import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { appendFile, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Journal, printRecord, readRecords } from '#local/journal';
import type { JournalRecord } from '#local/journal-record';
import { withRoom } from './engine-world.ts';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-journal-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
const newPath = () => join(folder, `${++files}.jsonl`);
const entered = (name: string): JournalRecord => ({
  at: 1,
  type: 'entered',
  key: `/${name}#0`,
  name,
  state: 'Pass',
  input: { é: '\n' },
});
const ignore = () => undefined;

test('what was appended is there again, in its order, and counts at once', async () => {
  const path = newPath();
  const journal = await Journal.open(path, ignore);
  assert.deepEqual([journal.append(entered('A')), journal.append(entered('B'))], [1, 2]);
  assert.equal(journal.state.visit('/B#0').entered?.event, 2);
  await journal.durable();
  await journal.close();
  const again = await Journal.open(path, ignore);
  assert.deepEqual(again.records, [entered('A'), entered('B')]);
  assert.equal(again.append(entered('C')), 3);
  await again.close();
  assert.equal((await readRecords(await readFile(path), path)).records.length, 3);
});

test('it is for its owner alone', async () => {
  const path = newPath();
  await (await Journal.open(path, ignore)).close();
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test('what a crash left half written is cut off, wherever it was cut', async () => {
  const lines = printRecord(entered('A')) + printRecord(entered('B'));
  const first = Buffer.byteLength(printRecord(entered('A')));
  for (let length = first; length < Buffer.byteLength(lines); length++) {
    const path = newPath();
    await writeFile(path, Buffer.from(lines).subarray(0, length));
    const journal = await Journal.open(path, ignore);
    assert.deepEqual(journal.records, [entered('A')], `${length} bytes`);
    journal.append(entered('C'));
    await journal.close();
    assert.deepEqual(readRecords(await readFile(path), path).records, [entered('A'), entered('C')]);
  }
});

test('a last line of zeros, as a power failure leaves it, is cut off', async () => {
  const path = newPath();
  await writeFile(path, `${printRecord(entered('A'))}${'\0'.repeat(40)}\n`);
  const journal = await Journal.open(path, ignore);
  assert.equal(journal.records.length, 1);
  await journal.close();
});

test('a changed record with others after it is damage, and nothing is cut off', async () => {
  const path = newPath();
  const text = printRecord(entered('A')).replace('Pass', 'Fail') + printRecord(entered('B'));
  await writeFile(path, text);
  await assert.rejects(Journal.open(path, ignore), (failure: Error & { hint?: string }) => {
    assert.equal(failure.name, 'JournalDamaged');
    assert.equal(failure.message, `${path}: line 1 is not what was written, and records follow it`);
    assert.ok(failure.hint);
    return true;
  });
  assert.equal(await readFile(path, 'utf8'), text);
});

test('each line is JSON', async () => {
  const path = newPath();
  await appendFile(path, printRecord(entered('A')));
  const { crc, ...record } = JSON.parse(await readFile(path, 'utf8'));
  assert.match(crc, /^[0-9a-f]{8}$/);
  assert.deepEqual(record, entered('A'));
});

test('one flush is for all that wait for it', async () => {
  const journal = await Journal.open(newPath(), ignore);
  const ends: number[] = [];
  await Promise.all(
    Array.from({ length: 500 }, async (_, number) => {
      journal.append(entered(`S${number}`));
      await journal.durable();
      ends.push(number);
    }),
  );
  assert.equal(ends.length, 500);
  await journal.close();
});

test('a journal that cannot be written says so to all who wait, and takes no more', async () => {
  const broken: Error[] = [];
  const journal = await Journal.open(newPath(), (failure) => broken.push(failure));
  await withRoom(10, async () => {
    journal.append(entered('A'));
    const waiting = await Promise.allSettled([journal.durable(), journal.durable()]);
    assert.deepEqual(
      waiting.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
  });
  assert.equal(broken.length, 1);
  assert.throws(() => journal.append(entered('B')), { name: 'JournalUnwritable' });
  await assert.rejects(journal.durable(), { name: 'JournalUnwritable' });
  await journal.close();
});

test('a folder that is not there is said with its path', async () => {
  await assert.rejects(Journal.open(join(folder, 'no', 'journal.jsonl'), ignore), { name: 'JournalUnwritable' });
});
