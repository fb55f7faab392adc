import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readEvidence } from '#catalog/evidence';
import { putHold } from '#catalog/holds';
import { verifyEvidence } from '#catalog/verify-evidence';
import { storeHistory } from '#harness/expiring-source';
import { type Ended, runLifeboat } from '#harness/run-lifeboat';
import { StoredSource } from '#harness/stored-source';
import type { Manifest } from '#model/manifest';

let source: StoredSource;
let manifests: Manifest[];
before(async () => {
  source = await StoredSource.create();
  // its time goes on by itself, and ours does not: the history ends now
  source.pass(-7 * 24 * 60);
  manifests = await storeHistory(source, 7, ['full']);
  writePlan(rules);
});
after(() => source.remove());

const rules = 'retention: { window: 2d }\n';
const writePlan = (lines: string, { folder } = source) =>
  writeFileSync(
    join(folder, 'plan.yml'),
    `bucket: ./bucket\nencryption: none\nsources:\n  main:\n    connection: { host: localhost, user: backup }\n${lines}`,
  );

async function lifeboat(args: string[], code = 0): Promise<Ended> {
  const ended = await runLifeboat(args, { cwd: source.folder, env: { USER: 'ada' } });
  assert.equal(ended.exitCode, code, `${ended.stdout}\n${ended.stderr}`);
  return ended;
}

const json = async (args: string[]) => JSON.parse((await lifeboat([...args, '--json'])).stdout);

async function keys(): Promise<string[]> {
  return (await Array.fromAsync(source.store.list(''))).map(({ key }) => key);
}

describe('lifeboat expire --dry-run', () => {
  test('tells what goes and why, what stays by which rule, what can be restored, and how much goes', async () => {
    const stored = await keys();
    const { stdout } = await lifeboat(['expire', '--dry-run']);
    const line = (start: RegExp) => stdout.split('\n').find((one) => start.test(one)) ?? '';
    assert.match(stdout, /^retention plan [0-9a-f]{12} for main: window 2d\n/);
    assert.match(line(/ {2}goes /), /4 backups: 3\.59 KiB$/);
    assert.match(line(/ {2}afterwards /), new RegExp(manifests[4]!.stop.time));
    assert.match(line(new RegExp(`^${manifests[3]!.backup}`)), /older than the window of 2d, and of no generation$/);
    assert.match(line(new RegExp(`^${manifests[4]!.backup}`)), /window$/);
    assert.match(line(new RegExp(`^${manifests[6]!.backup}`)), /window, last proven$/);
    assert.match(line(/ {2}altogether /), /would go; nothing was removed$/);
    assert.deepEqual(await keys(), stored);
  });

  test('as JSON says the same', async () => {
    const plan = await json(['expire', 'main', '--dry-run']);
    assert.equal(plan.dryRun, true);
    assert.deepEqual(
      plan.goes.map(({ id }: { id: string }) => id),
      manifests.slice(0, 4).map(({ backup }) => backup),
    );
    assert.equal(plan.wal[0].rule, 'cut');
    assert.equal(typeof plan.expiringWal.bytes, 'number');
  });

  test('needs retention in the plan, and starts nothing', async () => {
    await lifeboat(['expire', '--dry-run', '--no-wait'], 2);
    writePlan('');
    const { stderr } = await lifeboat(['expire', '--dry-run'], 2);
    writePlan(rules);
    assert.match(stderr, /main has none, so everything of it is kept\nHINT: write what is kept into the plan/);
  });
});

test('lifeboat expire --dry-run says what the machine would refuse', async () => {
  assert.doesNotMatch((await lifeboat(['expire', '--dry-run'])).stdout, /--most/);
  const other = await StoredSource.create();
  writePlan(rules, other);
  other.pass(-40 * 24 * 60);
  await storeHistory(other, 7, ['full']);
  const { stdout } = await runLifeboat(['expire', '--dry-run'], { cwd: other.folder });
  await other.remove();
  assert.match(stdout, /\n {2}refused {6}without --most: 6 of 7 backups and dumps and .* days of instants go/);
});

test('lifeboat expire removes nothing itself: without a daemon it says that none is there', async () => {
  const stored = await keys();
  const { stderr } = await lifeboat(['expire'], 4);
  assert.match(stderr, /no daemon of this plan is running/);
  assert.deepEqual(await keys(), stored);
});

describe('lifeboat hold', () => {
  const held = async () =>
    (await json(['holds'])).holds.map(({ id, reason, by }: Record<string, string>) => [id, by, reason]);
  const goes = async () => (await json(['expire', '--dry-run'])).goes.map(({ id }: { id: string }) => id);

  test('keeps a backup until it is released, and both are evidence', async () => {
    const { backup } = manifests[1]!;
    const { stdout } = await lifeboat(['hold', backup, '--reason', 'audit 2026']);
    assert.equal(stdout, `${backup} of main is held until somebody releases it: audit 2026\n`);
    assert.deepEqual(await held(), [[backup, 'ada', 'audit 2026']]);
    assert.ok(!(await goes()).includes(backup));
    const { stdout: list } = await lifeboat(['backups']);
    assert.match(list, new RegExp(`${backup}.* held`));
    await lifeboat(['hold', backup, '--release', '--reason', 'over', '--as', 'Grace']);
    assert.deepEqual(await held(), []);
    assert.ok((await goes()).includes(backup));
    const told = (await Array.fromAsync(readEvidence(source.store))).map(({ who, what }) => `${who}: ${what}`);
    assert.deepEqual(told, [
      `ada: held ${backup} of main until somebody releases it: audit 2026`,
      `Grace: released ${backup} of main: over`,
    ]);
    assert.equal((await verifyEvidence(source.store)).ok, true);
  });

  test('until a date ends by itself', async () => {
    const { backup } = manifests[2]!;
    await lifeboat(['hold', backup, '--reason', 'audit', '--until', '2999-06-30']);
    const [hold] = (await json(['holds'])).holds;
    assert.equal(hold.until, '2999-06-30T00:00:00.000Z');
  });

  test('says so when a release of a clock that was ahead counts more', async () => {
    const { backup } = manifests[3]!;
    const at = '2999-01-01T00:00:00.000Z';
    const release = { format: 'lifeboat-hold/1', source: 'main', id: backup, state: 'released', reason: 'r' } as const;
    await putHold(source.store, { ...release, by: 'ada', at, until: null });
    const { stderr } = await lifeboat(['hold', backup, '--reason', 'audit'], 2);
    assert.match(stderr, /one that nobody released at a later time than/);
  });

  const refused: [what: string, args: (id: string) => string[], message: RegExp][] = [
    ['no reason', (id) => [id], /--reason: nothing is not allowed: expected why/],
    ['an empty reason', (id) => [id, '--reason', ' '], /--reason: " " is not allowed/],
    [
      'what is no id',
      () => ['yesterday', '--reason', 'r'],
      /"yesterday" is not allowed: expected the id of a backup or/,
    ],
    ['a backup that is not there', () => ['20200101T000000000Z-full', '--reason', 'r'], /a committed backup of main/],
    ['a dump that is not there', () => ['20200101T000000000Z-dump', '--reason', 'r'], /a committed dump of main/],
    ['a date that is over', (id) => [id, '--reason', 'r', '--until', '2020-01-01'], /--until: .* a time to come/],
    ['a date that is none', (id) => [id, '--reason', 'r', '--until', 'soon'], /--until: "soon" .* a date like/],
    ['to release what nobody holds', (id) => [id, '--release', '--reason', 'r'], /something of main that is held/],
    [
      'a release until later',
      (id) => [id, '--release', '--reason', 'r', '--until', '2999-01-01'],
      /--until is of a hold/,
    ],
  ];
  for (const [what, args, message] of refused)
    test(`refuses ${what}`, async () => {
      const stored = await keys();
      assert.match((await lifeboat(['hold', ...args(manifests[0]!.backup)], 2)).stderr, message);
      assert.deepEqual(await keys(), stored);
    });
});
