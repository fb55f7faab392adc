import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Installation, installations } from '#harness/postgres-installations';
import { makeServerFolder, TestServer } from '#harness/postgres-server';
import { judgePage } from '#postgres/page-checksum';
import { checkPages } from '#recovery/check-pages';

const blockSize = 8192;
const never = new AbortController().signal;

for (const installation of installations()) describe(installation.name, () => suite(installation));

function suite(installation: Installation): void {
  let server: TestServer;
  /** in the data directory: of a table, of its map of visible pages, of a table in a tablespace */
  const files = { heap: '', map: '', elsewhere: '' };

  before(async () => {
    server = await TestServer.create(installation);
    const space = makeServerFolder(join(server.home, 'space'));
    await server.query(`create tablespace fast location '${space}'`);
    await server.query('create table t as select n, repeat(md5(n::text), 4) as filler from generate_series(1, 4000) n');
    await server.query('create table e tablespace fast as select * from generate_series(1, 2000) n');
    await server.query('create index on t (n)');
    await server.query('vacuum t');
    files.heap = await server.value(`select pg_relation_filepath('t')`);
    files.map = `${files.heap}_vm`;
    files.elsewhere = await server.value(`select pg_relation_filepath('e')`);
    await server.stop();
  });
  after(() => server.remove());

  const check = () => checkPages(server.dataDir, blockSize, never);
  const pathOf = (file: string) => join(server.dataDir, file);

  /** What is found after a change to one file, which is put back afterwards. */
  async function checkWith(file: string, change: (bytes: Buffer) => void) {
    const path = pathOf(file);
    const original = readFileSync(path);
    const changed = Buffer.from(original);
    change(changed);
    writeFileSync(path, changed);
    try {
      return await check();
    } finally {
      writeFileSync(path, original);
    }
  }

  test('every page of a cluster is right, those in tablespaces too', async () => {
    const { pages, wrong, wrongPages } = await check();
    assert.deepEqual([wrong, wrongPages], [[], 0]);
    assert.ok(pages > 900, `${pages} pages`);
  });

  for (const [where, offset] of [
    ['its header', 9],
    ['a row', 8000],
    ['its checksum', 8],
    ['its last byte', 8191],
  ] as const) {
    test(`a bit that flipped in ${where} is found, with file and block`, async () => {
      const { wrong, wrongPages } = await checkWith(files.heap, (bytes) => {
        bytes[3 * blockSize + offset]! ^= 4;
      });
      assert.deepEqual(wrong, [{ file: pathOf(files.heap), block: 3 }]);
      assert.equal(wrongPages, 1);
    });
  }

  test('a bit that flipped in a tablespace is found', async () => {
    const { wrong } = await checkWith(files.elsewhere, (bytes) => {
      bytes[5000]! ^= 1;
    });
    assert.deepEqual(wrong, [{ file: pathOf(files.elsewhere), block: 0 }]);
  });

  test('a bit that makes a page look as if it was never used is found', async () => {
    // pd_upper of a map's page is 8192: one bit
    const { wrong } = await checkWith(files.map, (bytes) => {
      assert.equal(bytes.readUInt16LE(14), 8192);
      bytes.writeUInt16LE(0, 14);
    });
    assert.deepEqual(wrong, [{ file: pathOf(files.map), block: 0 }]);
  });

  test('a page in the place of another is found', async () => {
    const { wrong } = await checkWith(files.heap, (bytes) => {
      bytes.copy(bytes, 2 * blockSize, 4 * blockSize, 5 * blockSize);
    });
    assert.deepEqual(wrong, [{ file: pathOf(files.heap), block: 2 }]);
  });

  test('pages of zeros are not used yet', async () => {
    const path = pathOf(files.heap);
    const { length } = readFileSync(path);
    const { pages } = await check();
    appendFileSync(path, Buffer.alloc(3 * blockSize));
    const grown = await check();
    truncateSync(path, length);
    assert.deepEqual([grown.pages, grown.wrongPages], [pages + 3, 0]);
  });

  test('of many wrong pages all are counted and the first ten told', async () => {
    const { wrong, wrongPages } = await checkWith(files.heap, (bytes) => {
      for (let block = 0; block < 30; block++) bytes[block * blockSize + 4000]! ^= 1;
    });
    assert.equal(wrongPages, 30);
    assert.deepEqual(
      wrong.map(({ block }) => block),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
  });

  test("blocks of a relation's later files are numbered on: 131072 to a file", async () => {
    const path = pathOf(`${files.heap}.1`);
    const page = readFileSync(pathOf(files.heap)).subarray(0, blockSize);
    writeFileSync(path, page);
    const { wrong } = await check();
    rmSync(path);
    assert.deepEqual(wrong, [{ file: path, block: 131_072 }]);
  });

  test('what holds no pages is passed over', async () => {
    const folder = pathOf('base/pgsql_tmp');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, '16384'), Buffer.alloc(blockSize, 7));
    writeFileSync(pathOf('base/1/pg_internal.init'), Buffer.alloc(blockSize, 7));
    const { wrongPages } = await check();
    rmSync(folder, { recursive: true });
    rmSync(pathOf('base/1/pg_internal.init'));
    assert.equal(wrongPages, 0);
  });

  test('no file is forgotten: without one, so many pages are fewer', async () => {
    const { pages } = await check();
    for (const file of Object.values(files)) {
      const content = readFileSync(pathOf(file));
      rmSync(pathOf(file));
      const rest = await check();
      writeFileSync(pathOf(file), content);
      assert.equal(rest.pages, pages - content.length / blockSize, file);
    }
  });

  test('a check can be stopped', async () => {
    const reason = new Error('stop');
    await assert.rejects(
      checkPages(server.dataDir, blockSize, AbortSignal.abort(reason)),
      (thrown) => thrown === reason,
    );
  });

  test('a flip of any bit of a page is found', () => {
    const page = Buffer.from(readFileSync(pathOf(files.map)).subarray(0, blockSize));
    const words = new Uint32Array(page.buffer, page.byteOffset, blockSize / 4);
    assert.equal(judgePage(words, 0), 'right');
    for (let bit = 0; bit < blockSize * 8; bit += bit < 24 * 8 ? 1 : 37) {
      page[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(judgePage(words, 0), 'wrong', `bit ${bit}`);
      page[bit >> 3]! ^= 1 << (bit & 7);
    }
  });
}
