import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runLifeboat } from '#harness/run-lifeboat';

const plan = `bucket: stack
encryption: { kmsKey: stack }
aws: { stack: lifeboat-prod, region: eu-central-1 }
storage: { tiers: { infrequentAccess: 30d } }
sources:
  orders:
    connection: { host: db.example, user: lifeboat }
    schedules: { full: "cron(0 2 ? * SUN *)" }
`;

const kept = `bucket: stack
encryption: { kmsKey: stack }
aws: { stack: lifeboat-prod, region: eu-central-1 }
storage: { lock: { days: 14d }, tiers: { glacier: 1d } }
retention: { window: 7d, weekly: 3 }
sources:
  shop:
    connection: { host: db.example, user: lifeboat }
    schedules: { full: cron(0 2 * * ? *), dump: cron(0 4 ? * SUN *), retention: cron(0 7 * * ? *) }
  endless:
    connection: { host: db.example, user: lifeboat }
    slot: other
    schedules: { incremental: cron(0 2 * * ? *) }
  ledger:
    kind: rds
    instance: ledger-db
    copyTo: { region: eu-west-1 }
    retention: { window: 7d, weekly: 4 }
    schedules: { snapshot: cron(0 1 * * ? *) }
`;
const daysOf = (stays: readonly { days: number }[]): number[] => stays.map(({ days }) => days);

describe('lifeboat cost', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'lifeboat-cost-'));
    writeFileSync(join(folder, 'plan.yml'), plan);
    writeFileSync(join(folder, 'kept.yml'), kept);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const cost = (...words: string[]) => runLifeboat(['cost', ...words], { cwd: folder });

  test('tells three usual sizes, and of what each is made, without asking AWS', async () => {
    const { exitCode, stdout } = await cost();
    assert.equal(exitCode, 0);
    const [head, storage] = stdout.split('\n');
    assert.match(head!, /^USD A MONTH +10 GB +500 GB +10 TB$/);
    assert.match(storage!, /^storage( +\d+\.\d\d){3}$/);
    assert.match(stdout, /^all together( +\d+\.\d\d){3}$/m);
    assert.match(stdout, /orders with 500 GB:\n {2}storage: \d+ GB Standard, \d+ GB Standard-IA\n/);
  });

  test('says of a plan without retention that nothing ever goes', async () => {
    const { stdout } = await cost();
    assert.match(
      stdout,
      /^the plan has no retention: nothing ever goes, and storage grows on .* after 35 days, which is shown$/m,
    );
    assert.doesNotMatch(stdout, /deleted/);
    const { months, notes } = JSON.parse((await cost('--json')).stdout);
    assert.equal(notes.length, 1);
    assert.deepEqual(months[0].facts.wal, [{ perMonth: 30, days: 35 }]);
    assert.equal(months[0].facts.goes, false);
  });

  test('follows the retention of the plan, with dumps and what deleting costs', async () => {
    const words = ['--source', 'shop', '--size', '100GB', '--plan', 'kept.yml'];
    const { months, notes } = JSON.parse((await cost(...words, '--json')).stdout);
    const { facts, lines } = months[0];
    assert.deepEqual(notes, []);
    // as long as the lock, and a week's last one until the next and two weeks more; of dumps each is a week's last one
    assert.deepEqual(daysOf(facts.fulls), [14, 15]);
    assert.deepEqual(daysOf(facts.dumps), [21]);
    assert.equal(facts.chunkDays, 14);
    assert.ok(Math.abs(facts.retentionsPerMonth - 30) < 0.2);
    const names = lines.map(({ what }: { what: string }) => what);
    for (const what of ['dumps', 'retention', 'deleted early']) assert.ok(names.includes(what), what);
    assert.match((await cost(...words)).stdout, /GB of it deleted and not gone for 14 days/);
  });

  test('looks at the plan as if everything was kept for so long when it is told so', async () => {
    const words = ['--source', 'shop', '--size', '100GB', '--plan', 'kept.yml', '--keep', '60d'];
    const { months, notes } = JSON.parse((await cost(...words, '--json')).stdout);
    assert.deepEqual(daysOf(months[0].facts.fulls), [60]);
    assert.equal(months[0].facts.retentionsPerMonth, 0);
    assert.deepEqual(notes, [
      'everything is reckoned to be kept for 60 days, as --keep says, and nothing to go before',
    ]);
  });

  test('knows a chain without an end, and retention that nobody runs', async () => {
    const endless = JSON.parse((await cost('--source', 'endless', '--plan', 'kept.yml', '--json')).stdout);
    assert.match(endless.notes[0], /^no full backup is scheduled, so no chain ever ends and nothing goes/);
    assert.equal(endless.months[0].facts.goes, false);
    const ledger = JSON.parse((await cost('--source', 'ledger', '--plan', 'kept.yml', '--json')).stdout);
    assert.match(ledger.notes[0], /^schedules\.retention is not in the plan/);
  });

  test('tells of a database that RDS runs what its snapshots and their copies cost', async () => {
    const words = ['--source', 'ledger', '--plan', 'kept.yml', '--size', '100GB', '--changed', '2'];
    const { stdout } = await cost(...words);
    assert.match(stdout, /^snapshots +\d+\.\d\d$/m);
    assert.match(stdout, /^copies +\d+\.\d\d$/m);
    const { months } = JSON.parse((await cost(...words, '--json')).stdout);
    // the bucket's lock holds no snapshot
    assert.deepEqual(daysOf(months[0].facts.snapshots), [8, 22]);
  });

  test('takes a size, what is kept, and other prices', async () => {
    writeFileSync(join(folder, 'prices.json'), '{"standardGbMonth": 1}');
    const words = ['--size', '300GB', '--wal-per-day', '30GB', '--keep', '30d', '--json', '--prices', 'prices.json'];
    const { stdout } = await cost(...words);
    const { months } = JSON.parse(stdout);
    const [{ perMonth, days }] = months[0].facts.fulls;
    assert.equal(days, 30);
    assert.ok(Math.abs(perMonth - 4.25) <= 0.25, perMonth);
    // the same WAL lies there in segments and in chunks
    const gb = perMonth * 100 + 300 + 300;
    assert.ok(Math.abs(months[0].lines[0].dollars - gb) < 0.01, months[0].lines[0].dollars);
  });

  for (const [words, message] of [
    [['--size', '5XB'], /--size: "5XB" is not allowed: expected a number and a unit, like 500GB or 10TiB/],
    [['--ratio', '0'], /--ratio: "0" is not allowed: expected a number from 1 to 100/],
    [['--changed', '101'], /--changed: "101" is not allowed: expected a number from 0 to 100/],
    [['--keep', '30m'], /--keep: "30m" is not allowed: expected days like 35d/],
    [['--prices', 'none.json'], /--prices: "none\.json" is not allowed: expected a file of JSON that can be read/],
    [['--source', 'x'], /--source: "x" is not allowed: expected one of the plan's sources: orders/],
  ] as const) {
    test(`refuses ${words.join(' ')}`, async () => {
      const { exitCode, stderr } = await cost(...words);
      assert.equal(exitCode, 2);
      assert.match(stderr, message);
    });
  }
});
