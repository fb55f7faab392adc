import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { catalogBackup, commitBackup } from '#catalog/backups';
import { rebuildStanding, recordProof, recordVerification } from '#catalog/proofs';
import { readStanding } from '#catalog/standing';
import { storeKinds } from '#harness/stores';
import { backupId } from '#model/backup-id';
import { type Manifest, parseManifest } from '#model/manifest';
import type { Proof } from '#model/proof';
import { proofsFolder, standingKey, verificationsFolder } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

const golden = parseManifest(readFileSync(new URL('../golden/manifest.json', import.meta.url), 'utf8'), 'golden');
const source = 'orders';
const manifestOf = (day: number): Manifest => ({
  ...golden,
  source,
  backup: backupId(new Date(Date.UTC(2026, 10, day)), 'full'),
  kind: 'full',
  parent: null,
});
const at = (day: number, hour = 0): string => new Date(Date.UTC(2026, 10, day, hour)).toISOString();

const proof = (day: number, hour: number, more: Partial<Proof> = {}): Proof => ({
  format: 'lifeboat-proof/1',
  source,
  backup: manifestOf(day).backup,
  chain: [manifestOf(day).backup],
  target: 'its end',
  verdict: 'proven',
  ok: true,
  reached: { lsn: '0/3000000', time: null, timeline: 1 },
  checks: [{ check: 'query one', ok: true, detail: '1', durationMs: 1 }],
  durationsMs: { files: 1000, replay: 2000, checks: 30 },
  rawBytes: 100,
  walBytes: 10,
  failure: null,
  execution: `drill-${day}-${hour}`,
  startedAt: at(day, hour - 1),
  finishedAt: at(day, hour),
  ...more,
});

async function keys(store: ObjectStore, folder: string): Promise<string[]> {
  return (await Array.fromAsync(store.list(folder))).map(({ key }) => key.slice(folder.length));
}

for (const [name, open] of storeKinds) {
  describe(`in ${name}`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    before(async () => {
      opened = await open();
      for (const day of [1, 2]) {
        await commitBackup(opened.store, manifestOf(day));
        await catalogBackup(opened.store, manifestOf(day));
      }
    });
    after(() => opened.close());
    const states = async () => (await readStanding(opened.store, source)).backups.map(({ state }) => state);

    test('what is recorded counts at once, and the same again changes nothing', async () => {
      const { store } = opened;
      assert.deepEqual(await states(), ['committed', 'committed']);
      const outcome = {
        source,
        backup: manifestOf(1).backup,
        ok: true,
        damage: [],
        execution: 'verify-1',
        durationMs: 5,
      };
      const key = await recordVerification(store, { ...outcome, at: at(1, 1) });
      assert.equal(await recordVerification(store, { ...outcome, at: at(1, 1) }), key);
      assert.deepEqual(await states(), ['verified', 'committed']);
      const etag = (await store.head(standingKey(source)))!.etag;
      await recordProof(store, proof(1, 3));
      assert.notEqual((await store.head(standingKey(source)))!.etag, etag);
      const proven = (await store.head(standingKey(source)))!.etag;
      await recordProof(store, proof(1, 3));
      assert.equal((await store.head(standingKey(source)))!.etag, proven);
      assert.deepEqual(await states(), ['proven', 'committed']);
      assert.deepEqual(await keys(store, proofsFolder(source)), [`${manifestOf(1).backup}/20261101T030000000Z.json`]);
      assert.equal((await keys(store, verificationsFolder(source))).length, 1);
    });

    test('an older record that comes late does not count', async () => {
      await recordProof(opened.store, proof(1, 2, { verdict: 'broken', ok: false, execution: 'late' }));
      assert.deepEqual(await states(), ['proven', 'committed']);
    });

    test('two executions of the same millisecond are both kept', async () => {
      const other = await recordProof(opened.store, proof(1, 3, { execution: 'another' }));
      assert.match(other, /20261101T030000001Z\.json$/);
      assert.equal(await recordProof(opened.store, proof(1, 3, { execution: 'another' })), other);
    });

    test('of many that record at the same time none is lost', async () => {
      const hours = Array.from({ length: 12 }, (_, hour) => hour + 4);
      await Promise.all(hours.map((hour) => recordProof(opened.store, proof(2, hour))));
      const { drills } = await readStanding(opened.store, source);
      assert.equal(drills.length, 10);
      assert.deepEqual(
        drills.map(({ finishedAt }) => finishedAt),
        hours
          .toReversed()
          .slice(0, 10)
          .map((hour) => at(2, hour)),
      );
      assert.deepEqual(await states(), ['proven', 'proven']);
    });

    test('the records alone say the same', async () => {
      const { store } = opened;
      const known = await readStanding(store, source);
      await store.delete(standingKey(source));
      assert.deepEqual(await states(), ['committed', 'committed']);
      await rebuildStanding(store, source);
      assert.deepEqual(await readStanding(store, source), known);
    });

    test('status costs the same, however many proofs there are', async () => {
      let reads = 0;
      const counting = new Proxy(opened.store, {
        get: (target, member: keyof ObjectStore) => {
          const value = target[member];
          if (typeof value !== 'function') return value;
          return (...args: unknown[]) => {
            reads++;
            return (value as (...given: unknown[]) => unknown).apply(target, args);
          };
        },
      });
      await readStanding(counting, source, []);
      assert.equal(reads, 1);
    });
  });
}
