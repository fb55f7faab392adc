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

describe('lifeboat cost', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'lifeboat-cost-'));
    writeFileSync(join(folder, 'plan.yml'), plan);
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

  test('takes a size, what is kept, and other prices', async () => {
    writeFileSync(join(folder, 'prices.json'), '{"standardGbMonth": 1}');
    const words = ['--size', '300GB', '--wal-per-day', '30GB', '--keep', '30d', '--json', '--prices', 'prices.json'];
    const { stdout } = await cost(...words);
    const { months } = JSON.parse(stdout);
    assert.equal(months[0].facts.keepDays, 30);
    assert.ok(Math.abs(months[0].facts.fullsPerMonth - 4.25) <= 0.25, months[0].facts.fullsPerMonth);
    const gb = months[0].facts.fullsPerMonth * 100 + 300;
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
