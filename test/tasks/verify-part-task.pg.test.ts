import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { embeddedInstallation } from '#harness/postgres-installations';
import { serverFolder } from '#harness/postgres-server';
import { ProtectedSource } from '#harness/protected-source';
import { assertFailed, assertWorked, type TaskEnd, TaskRunner } from '#harness/run-task';
import type { Manifest } from '#model/manifest';
import { type VerifyPartResult, verifyPartResultSchema } from '#model/task-result';

let source: ProtectedSource;
let tasks: TaskRunner;
let manifest: Manifest;
let space: string;
before(async () => {
  source = await ProtectedSource.create(embeddedInstallation());
  tasks = new TaskRunner(source);
  space = serverFolder('lifeboat-space-');
  await source.server.query(`create tablespace elsewhere location '${space}'`);
  await source.server.query('create table rows tablespace elsewhere as select generate_series(1, 50000) as n');
  manifest = (await source.backup('full')).manifest;
  assert.equal(manifest.parts.length, 2);
});
after(async () => {
  await source?.remove();
  rmSync(space, { recursive: true, force: true });
});

let count = 0;
function verify(what: object, env: Record<string, string> = {}): Promise<TaskEnd> {
  const input = { source: 'orders', backup: manifest.backup, parts: null, wal: false, ...what };
  return tasks.run('verify-part', { input, execution: `verify-${++count}`, env });
}

const found = async (what: object): Promise<VerifyPartResult> =>
  verifyPartResultSchema.parse(assertWorked(await verify(what)));

const objectPath = (name: string): string => join(source.bucket, 'orders/backups', manifest.backup, name);

/** Change a byte of an object, look, and change it back. */
async function whileDamaged<T>(path: string, look: () => Promise<T>, where = 0.5): Promise<T> {
  const bytes = readFileSync(path);
  const damaged = Buffer.from(bytes);
  damaged[Math.floor(damaged.length * where)]! ^= 1;
  writeFileSync(path, damaged);
  try {
    return await look();
  } finally {
    writeFileSync(path, bytes);
  }
}

const first = { parts: { from: 0, to: 1 } };
const second = { parts: { from: 1, to: 2 } };
const wal = { parts: null, wal: true };

describe('the task verify-part', () => {
  test('reads back the parts that it is given, and the WAL', async () => {
    const results = [await found(first), await found(second), await found(wal)];
    assert.deepEqual(
      results.map(({ parts, wal, damage }) => ({ parts, wal, damage })),
      [
        { ...first, wal: false, damage: [] },
        { ...second, wal: false, damage: [] },
        { ...wal, damage: [] },
      ],
    );
    const [one, two, none] = results.map(({ rawBytes }) => rawBytes);
    assert.deepEqual([one, two, none], [manifest.parts[0]!.rawBytes, manifest.parts[1]!.rawBytes, 0]);
    const all = await found({ parts: { from: 0, to: 2 }, wal: true });
    assert.equal(all.rawBytes, manifest.rawBytes);
  });

  test('finds the damage of its own parts and of no others', async () => {
    const [one, two] = manifest.parts.map(({ name }) => objectPath(name));
    await whileDamaged(one!, async () => {
      assert.match((await found(first)).damage.join(), new RegExp(manifest.parts[0]!.name));
      assert.deepEqual((await found(second)).damage, []);
      assert.deepEqual((await found(wal)).damage, []);
    });
    renameSync(two!, `${two}.gone`);
    assert.match((await found(second)).damage.join(), /tar/);
    assert.deepEqual((await found(first)).damage, []);
    renameSync(`${two}.gone`, two!);
    assert.deepEqual((await found(second)).damage, []);
  });

  test('finds damage of what is in no part: index, manifests, WAL', async () => {
    await whileDamaged(objectPath('index.jsonl'), async () =>
      assert.match((await found(second)).damage.join(), /index\.jsonl/),
    );
    await whileDamaged(objectPath('backup_manifest.json'), async () => {
      assert.match((await found(wal)).damage.join(), /backup_manifest\.json/);
      assert.deepEqual((await found(first)).damage, []);
    });
    await whileDamaged(objectPath('manifest.json'), async () =>
      assert.match((await found(first)).damage.join(), /manifest/),
    );
    const timeline = join(source.bucket, 'orders/wal', manifest.server.systemId, '00000001');
    // the backup needs the beginning of its segment
    const isFound = async () => {
      assert.equal((await found(wal)).damage.length, 1);
      assert.deepEqual((await found(first)).damage, []);
    };
    const paths = readdirSync(timeline).map((name) => join(timeline, name)); // a chunk may lie beside its whole segment
    await paths.reduce((look, path) => () => whileDamaged(path, look, 0.1), isFound)();
    renameSync(timeline, join(source.folder, 'kept'));
    assert.match((await found(wal)).damage.join(), /WAL of .* is not complete/);
    renameSync(join(source.folder, 'kept'), timeline);
    assert.deepEqual((await found(wal)).damage, []);
  });

  test('does not take what kept it from looking for damage', async () => {
    const planPath = join(source.folder, 'other-key.yml');
    const keyFile = join(source.folder, 'other-key');
    writeFileSync(keyFile, `lifeboat-key-1:${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 });
    writeFileSync(planPath, readFileSync(source.planPath, 'utf8').replace(/keyFile: \S+/, `keyFile: ${keyFile}`));
    assertFailed(await verify(first, { LIFEBOAT_PLAN: planPath }), 8, 'KeyUnusable', /key/);
  });

  test('that is told to end ends', async () => {
    const input = { source: 'orders', backup: manifest.backup, ...first, wal: true };
    const { child, ended, said } = tasks.start('verify-part', { input, execution: 'stopped' });
    await said(/begins/);
    child.kill('SIGTERM');
    assertFailed(await ended, 130, 'Aborted', /interrupted/);
  });

  const wrong: [what: string, over: object, message: RegExp][] = [
    ['a source that is none', { source: 'x' }, /^source: "x"/],
    ['no backup', { backup: undefined }, /^backup: nothing/],
    ['a backup that is no id', { backup: 'newest', ...first }, /^backup: "newest"/],
    ['a backup that is none', { backup: '20200101T000000000Z-full', ...first }, /^backup: "2020.*committed/],
    ['parts that are a number', { parts: 1 }, /^parts: 1 .*from, to/],
    ['parts below the first', { parts: { from: -1, to: 1 } }, /^parts\.from: -1/],
    ['parts beyond the last', { parts: { from: 0, to: 3 } }, /^parts\.to: 3 .*at most 2/],
    ['an empty range', { parts: { from: 1, to: 1 } }, /^parts\.from: 1/],
    ['nothing to read', {}, /^parts: null/],
    ['WAL by a word', { ...first, wal: 'yes' }, /^wal: "yes" .*true or false/],
  ];
  for (const [what, over, message] of wrong) {
    test(`refuses ${what}`, async () => assertFailed(await verify(over), 2, 'InputInvalid', message));
  }
});
