import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { putHold } from '#catalog/holds';
import { acquireLease } from '#catalog/lease';
import { storeHistory } from '#harness/expiring-source';
import { type Ended, runLifeboat } from '#harness/run-lifeboat';
import { StoredSource } from '#harness/stored-source';
import type { Manifest } from '#model/manifest';

let source: StoredSource;
let manifests: Manifest[];
before(async () => {
  source = await StoredSource.create();
  // its time goes on by itself, and ours does not: the history ends now
  source.pass(-4 * 24 * 60);
  manifests = await storeHistory(source, 4);
  const lines = 'encryption: none\nsources:\n  main:\n    connection: { host: localhost, user: backup }\n';
  writeFileSync(join(source.folder, 'plan.yml'), `bucket: ./bucket\n${lines}`);
});
after(() => source.remove());

async function lifeboat(args: string[], code = 0): Promise<Ended> {
  const ended = await runLifeboat(args, { cwd: source.folder, env: { USER: 'ada' } });
  assert.equal(ended.exitCode, code, `${ended.stdout}\n${ended.stderr}`);
  return ended;
}

const dryRun = ['purge', 'main', '--reason', 'it is retired', '--dry-run'];
const keys = async () => (await Array.fromAsync(source.store.list(''))).map(({ key }) => key);

describe('lifeboat purge --dry-run', () => {
  test('tells what would go, what could not be restored any more, and why; of a source without retention', async () => {
    const stored = await keys();
    const { stdout } = await lifeboat(dryRun);
    assert.match(stdout, /^purge plan [0-9a-f]{12} for main: everything of it\n {2}reason {7}it is retired\n/);
    assert.match(stdout, /\n {2}goes {9}4 backups: 3\.59 KiB\n/);
    assert.match(stdout, /\n {2}WAL now {6}\d+ pieces of WAL: /);
    assert.match(stdout, /\n {2}stays {8}nothing is there\n/);
    assert.match(stdout, new RegExp(`restorable   ${manifests[0]!.stop.time} to .*\n {2}afterwards {3}nothing\n`));
    assert.match(stdout, /\n {2}dry run {6}nothing was removed; without --dry-run people are asked first\n/);
    for (const { backup } of manifests) assert.match(stdout, new RegExp(`\n${backup} .*everything of it is purged`));
    assert.deepEqual(await keys(), stored);
  });

  test('as JSON says the same', async () => {
    const plan = JSON.parse((await lifeboat([...dryRun, '--json'])).stdout);
    assert.deepEqual([plan.dryRun, plan.purge, plan.reason, plan.refused], [true, true, 'it is retired', null]);
    assert.equal(plan.goes.length, 4);
    assert.ok(plan.expiringWal.pieces > 0);
  });

  test('tells what is held, with what it needs', async () => {
    const at = new Date().toISOString();
    const hold = {
      format: 'lifeboat-hold/1',
      source: 'main',
      id: manifests[1]!.backup,
      by: 'grace',
      until: null,
    } as const;
    await putHold(source.store, { ...hold, state: 'held', reason: 'audit', at });
    const { stdout } = await lifeboat(dryRun);
    const later = new Date(Date.parse(at) + 1000).toISOString();
    await putHold(source.store, { ...hold, state: 'released', reason: 'over', at: later });
    assert.match(stdout, /\n {2}goes {9}2 backups: /);
    assert.match(stdout, /\n {2}stays {8}2 backups \(parent 1, held 1\)\n/);
  });

  test('says that it would be refused while a backup is taken', async () => {
    const lease = await acquireLease(source.store, 'main', 'backup', { holder: { host: 'elsewhere', pid: 7 } });
    const { stdout } = await lifeboat(dryRun);
    await lease.release();
    assert.match(stdout, /\n {2}refused {6}now: a backup of main is at work: process 7 on elsewhere/);
  });
});

describe('lifeboat purge', () => {
  test('removes nothing itself: without a daemon it says that none is there', async () => {
    const stored = await keys();
    assert.match((await lifeboat(dryRun.slice(0, -1), 4)).stderr, /no daemon of this plan is running/);
    assert.deepEqual(await keys(), stored);
  });

  const refused: [what: string, args: string[], message: RegExp][] = [
    ['no source', ['--reason', 'r'], /source/],
    ['another source', ['mian', '--reason', 'r'], /did you mean "main"\?/],
    ['no reason', ['main'], /reason: nothing is not allowed: expected why everything is to go/],
    ['an empty reason', ['main', '--reason', ' '], /reason: /],
    ['--dry-run that starts nothing', ['main', '--reason', 'r', '--dry-run', '--no-wait'], /--dry-run starts nothing/],
  ];
  for (const [what, args, message] of refused)
    test(`refuses ${what}`, async () => {
      assert.match((await lifeboat(['purge', ...args], 2)).stderr, message);
    });
});
