import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readBackup } from '#catalog/backups';
import fc from '#harness/fast-check';
import { markedRows } from '#harness/marked-commits';
import { embeddedInstallation, machineInstallation } from '#harness/postgres-installations';
import type { ProtectedSource } from '#harness/protected-source';
import { verifyBackup } from '#tasks/verify-backup';
import { type Point, pointAt, pointsOf, requireNothingLost, type Way, waysTo } from './retention-points.ts';
import { expireAt, idsIn, type Lived, live, planWith, projections, readBackAndProve } from './retention-scene.ts';

const dayMs = 24 * 3_600_000;

for (const installation of [embeddedInstallation(), machineInstallation()]) {
  describe(`retention of real backups and WAL, ${installation.name}`, () => {
    let lived: Lived;
    let source: ProtectedSource;
    let points: Point[];
    before(async () => {
      lived = await live(installation);
      ({ source } = lived);
      points = pointsOf(lived.marks, lived.backups);
      await readBackAndProve(source.vault, lived.backups);
      renameSync(source.bucket, history());
      writeFileSync(expiringPlan(), planWith(source, source.bucket));
    });
    after(() => lived?.source.remove());

    const history = () => join(source.folder, 'history');
    const expiringPlan = () => join(source.folder, 'expiring.yml');

    /** The bucket as it was before any retention: links, since what was read back is told by its inode, too. */
    function asItWas(): void {
      rmSync(source.bucket, { recursive: true, force: true });
      assert.equal(spawnSync('cp', ['-al', history(), source.bucket]).status, 0);
    }

    /** Retention with a window that begins there. */
    async function expire(windowStart: Date): Promise<void> {
      const now = new Date(windowStart.getTime() + dayMs);
      const { exitCode, log, told } = await expireAt({ planPath: expiringPlan(), environment: {}, now });
      assert.equal(exitCode, 0, log);
      if (process.env.V3) console.log(windowStart.toISOString(), told);
    }

    async function requireAllGood(): Promise<void> {
      const { vault } = source;
      const { said, anew } = await projections(vault.store);
      assert.deepEqual(anew, said, 'a rebuild changes nothing');
      for (const id of await idsIn(vault.store)) {
        const found = await verifyBackup({
          ...{ vault, location: source.bucket, environment: {}, workers: 0 },
          manifest: await readBackup(vault.store, 'orders', id),
          signal: new AbortController().signal,
          onBytes: () => undefined,
        });
        assert.deepEqual(found.damage, [], id);
      }
    }

    /** To the rows that were there. */
    async function restore({ target, rows }: Point): Promise<void> {
      const { server, dataDir } = await source.restore(target);
      await server.start();
      assert.deepEqual(await markedRows(server), rows, JSON.stringify(target));
      await server.stop('immediate');
      rmSync(dataDir, { recursive: true });
    }

    const t = (n: number) => { if (process.env.V3) console.log(n, (performance.now() / 1000).toFixed(2)); };
    const at = (time: string, ms = 0) => new Date(Date.parse(time.replace(' ', 'T').replace('+00', 'Z')) + ms);
    const ofMark = (row: number, ms?: number) => () => at(lived.marks.find((mark) => mark.row === row)!.time, ms);
    const ofBackup = (index: number, ms?: number) => () => at(lived.backups[index]!.stop.time, ms);
    const places: [name: string, windowStart: () => Date][] = [
      ['before the end of the first backup', ofBackup(0, -1)],
      ['at the end of the first backup', ofBackup(0)],
      ['at a commit behind it', ofMark(3)],
      ['at the end of the second backup', ofBackup(1)],
      ['just before it', ofBackup(1, -1)],
      ['between two commits before the timelines part', ofMark(4, 1)],
      ['at the end of a backup that does not lead to the newer timeline', ofBackup(2)],
      ['at a commit that the newer timeline does not have', ofMark(8)],
      ['at the first commit of the newer timeline', ofMark(101)],
      ['at the end of the first backup of the newer timeline', ofBackup(3)],
      ['at a commit behind that', ofMark(103)],
      ['at the end of the last backup', ofBackup(4)],
      ['after everything', ofMark(106, 1)],
      ['two days after everything', ofMark(106, 2 * dayMs)],
    ];

    for (const [name, windowStart] of places) {
      test(`costs no instant of a window that begins ${name}`, async () => {
        asItWas();
        const start = windowStart();
        const asked = [...points, pointAt(start, points)];
        t(0);
        const before = await waysTo(source.vault, asked);
        t(1);
        await expire(start);
        t(2);
        const after = await waysTo(source.vault, asked);
        requireNothingLost(start, asked, before, after);
        t(3);
        await requireAllGood();
        t(4);
        const still = asked.filter(({ micros }, index) => micros >= BigInt(start.getTime()) * 1000n && 'stops' in after[index]!);
        const [chosen] = fc.sample(fc.shuffledSubarray(still, { minLength: Math.min(3, still.length), maxLength: 3 }), 1);
        await Promise.all(chosen!.map(restore));
        t(5);
      });
    }
  });
}
