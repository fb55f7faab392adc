import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { glanceAtSource } from '#cli/ask-source';
import { countedStore, type RequestCounts } from '#harness/counted-store';
import { runLifeboat } from '#harness/run-lifeboat';
import { type FleetSize, fleetPlan, storeFleet } from '#harness/stored-fleet';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';

describe('the status of many sources', () => {
  const size: FleetSize = { sources: 30, days: 60 };
  let folder: string;
  let store: ObjectStore;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lifeboat-fleet-'));
    store = await createDirectoryStore(join(folder, 'bucket'));
    await storeFleet(store, size, new Date());
    const names = fleetPlan('x', size).sources.map(({ name }) => name);
    const sources = names.map((name) => `  ${name}: { connection: { host: db.example, user: lifeboat } }`);
    writeFileSync(
      join(folder, 'plan.yml'),
      [`bucket: ${join(folder, 'bucket')}`, 'encryption: none', 'sources:', ...sources, ''].join('\n'),
    );
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('is what the watch measured a moment ago', async () => {
    const { exitCode, stdout } = await runLifeboat(['status', '--json'], { cwd: folder });
    const { sources, problems } = JSON.parse(stdout);
    assert.equal(exitCode, 9); // no daemon runs
    assert.equal(sources.length, 30);
    assert.deepEqual(sources[7].counts, { proven: 60, verified: 0, committed: 0, broken: 0 });
    assert.equal(sources[7].rpo.lossMs, 4_000);
    assert.match(sources[7].window.from, /^\d{4}-/);
    assert.deepEqual(problems, []);
  });

  test('takes two reads of each, however long they have been backed up', async () => {
    const counts: RequestCounts[] = [];
    for (const days of [6, 60]) {
      await storeFleet(store, { ...size, days }, new Date());
      const counted = countedStore(store);
      const vault = { store: counted.store, keyRing: undefined };
      for (const source of fleetPlan('x', size).sources) {
        const asked = { vault, stack: undefined, now: new Date(), signal: AbortSignal.timeout(60_000) };
        assert.ok(await glanceAtSource(source, asked));
      }
      counts.push(counted.counts);
    }
    assert.deepEqual(counts[0], { head: 0, get: 60, put: 0, listed: 0 });
    assert.deepEqual(counts[1], counts[0]);
  });

  test('is not by a glance where the measurement is old', async () => {
    const now = new Date(Date.now() + 200_000);
    const [source] = fleetPlan('x', size).sources;
    const asked = { vault: { store, keyRing: undefined }, stack: undefined, now, signal: AbortSignal.timeout(60_000) };
    assert.equal(await glanceAtSource(source!, asked), undefined);
  });
});
