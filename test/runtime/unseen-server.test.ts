import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { crc32c } from '#postgres/crc32c';
import { controlLocal } from '#runtime/control-local';

/** Of PostgreSQL 17, as test/postgres/control-file.test.ts has it. */
const shutDown = readFileSync(new URL('../postgres/control-file.test.ts', import.meta.url), 'utf8')
  .match(/'8e3c[0-9a-f' +\n]*/)![0]
  .replaceAll(/[^0-9a-f]/g, '');

/** The same of a server that has not ended. */
function inProduction(): Buffer {
  const bytes = Buffer.from(shutDown, 'hex');
  const crcAt = [280, 284, 288, 292, 296].find((at) => crc32c(bytes.subarray(0, at)) === bytes.readUInt32LE(at))!;
  bytes.writeUInt32LE(6, 16);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, crcAt)), crcAt);
  return bytes;
}

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'lifeboat-unseen-'));
  for (const folder of ['global', 'pg_wal']) mkdirSync(join(dataDir, folder));
  writeFileSync(join(dataDir, 'PG_VERSION'), '17\n');
  writeFileSync(join(dataDir, 'global', 'pg_control'), inProduction());
  writeFileSync(segment(), 'wal');
  writeFileSync(join(dataDir, 'standby.signal'), '');
  // of no process here: the largest number that Linux gives is 4194304
  writeFileSync(join(dataDir, 'postmaster.pid'), `4194305\n${dataDir}\n1700000000\n5432\n/tmp\n\n\nready\n`);
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const segment = () => join(dataDir, 'pg_wal', '000000010000000000000001');
const { signal } = new AbortController();
const control = () => controlLocal({ kind: 'local', dataDir }, { environment: {} });

/** Somebody writes WAL, of whom nothing is seen here. */
async function whileWritten<T>(work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => {
    const { atimeMs, mtimeMs } = statSync(segment());
    utimesSync(segment(), atimeMs / 1_000, mtimeMs / 1_000 + 1);
  }, 100);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

test('a server that is not seen, and whose files stay as they are, was killed: it counts as stopped', async () => {
  const { runs, fence } = await control().look(signal);
  assert.deepEqual([runs, fence.fenced], [false, true]);
});

test('one that is not seen, and whose WAL goes on, runs elsewhere: it is not fenced, and cannot be', async () => {
  await whileWritten(async () => {
    const { runs, fence } = await control().look(signal);
    assert.deepEqual([runs, fence.fenced, fence.possible], [true, false, false]);
    assert.match(fence.how, /in another container, or on another machine/);
    await assert.rejects(control().fence({ gently: false, signal }), {
      name: 'FenceFailed',
      message: /another container/,
    });
  });
});

test('nor is one fenced that gets its standby.signal by that', async () => {
  rmSync(join(dataDir, 'standby.signal'));
  await whileWritten(() =>
    assert.rejects(control().fence({ gently: false, signal }), { name: 'FenceFailed', message: /another container/ }),
  );
});
