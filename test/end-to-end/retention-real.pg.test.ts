import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { markedRows } from '#harness/marked-commits';
import { embeddedInstallation, machineInstallation } from '#harness/postgres-installations';
import { type StrictS3, startStrictS3 } from '#harness/strict-s3-server';
import { type ExpiringBucket, inDirectory, inS3 } from './retention-bucket.ts';
import { places } from './retention-places.ts';
import { type Point, pointAt, pointsOf, requireNothingLost, waysTo } from './retention-points.ts';
import { type Lived, live } from './retention-scene.ts';

for (const installation of [embeddedInstallation(), machineInstallation()]) {
  describe(`retention of what ${installation.name} wrote`, () => {
    let lived: Lived;
    let points: Point[];
    let directory: ExpiringBucket;
    before(async () => {
      lived = await live(installation);
      points = pointsOf(lived.marks, lived.backups);
      directory = await inDirectory(lived);
    });
    after(() => lived?.source.remove());

    /** What could be asked for before `act`, and is not older, can be afterwards; answers what. */
    async function losesNothing({ vault }: ExpiringBucket, windowStart: Date, act: () => Promise<void>) {
      const asked = [...points, pointAt(windowStart, points)];
      const before = await waysTo(vault, asked);
      await act();
      return requireNothingLost(windowStart, asked, before, await waysTo(vault, asked));
    }

    async function succeeds(bucket: ExpiringBucket, windowStart: Date): Promise<void> {
      const { exitCode, log } = await bucket.expire(windowStart);
      assert.equal(exitCode, 0, log);
    }

    /** To the rows that were there. */
    async function restore({ target, rows }: Point): Promise<void> {
      const { server, dataDir } = await lived.source.restore(target);
      await server.start();
      assert.deepEqual(await markedRows(server), rows, JSON.stringify(target));
      await server.stop('immediate');
      rmSync(dataDir, { recursive: true });
    }

    for (const { name, windowStart, restores } of places) {
      test(`costs no instant of a window that begins ${name}`, async () => {
        directory.reset();
        const start = windowStart(lived);
        const left = await losesNothing(directory, start, () => succeeds(directory, start));
        await directory.requireWhole();
        await directory.requireKnown();
        if (restores) for (const [chosen] of threeOf(left)) await Promise.all(chosen.map(restore));
      });
    }

    test('costs none when the window moves on, and retention runs each time', async () => {
      directory.reset();
      for (const { windowStart } of places) {
        const start = windowStart(lived);
        await losesNothing(directory, start, () => succeeds(directory, start));
        await directory.requireWhole();
      }
      await directory.requireKnown();
    });

    if (installation.major < 17) return;
    for (const location of ['s3://backups', 's3://backups/some/prefix']) {
      describe(`in ${location}`, () => {
        const middle = places.find(({ name }) => name === 'as the first backup of the newer timeline ends')!;
        let s3: StrictS3;
        let bucket: ExpiringBucket;
        before(async () => {
          s3 = await startStrictS3({ bucket: 'backups' });
          bucket = await inS3(lived, s3, location);
        });
        after(() => s3?.close());

        const deletes = () => s3.requests.filter((request) => request.startsWith('DELETE ')).length;

        /** Expires with DELETEs that fail, from the nth on. */
        async function failing(nth: number, times: number, status: number, code: string) {
          s3.faults.add({ method: 'DELETE', nth, times, fault: { kind: 'error', status, code } });
          const expired = await bucket.expire(middle.windowStart(lived));
          s3.faults.clear();
          return expired;
        }

        test('costs nothing of the window', async () => {
          bucket.reset();
          const before = deletes();
          await losesNothing(bucket, middle.windowStart(lived), () => succeeds(bucket, middle.windowStart(lived)));
          assert.ok(deletes() - before > 40);
          await bucket.requireWhole();
          await bucket.requireKnown();
        });

        test('goes on where S3 was too busy for a moment', async () => {
          bucket.reset();
          await losesNothing(bucket, middle.windowStart(lived), async () => {
            const { exitCode, log } = await failing(5, 3, 503, 'SlowDown');
            assert.equal(exitCode, 0, log);
          });
          await bucket.requireWhole();
          await bucket.requireKnown();
        });

        const troubles = [
          { status: 403, code: 'AccessDenied', failure: 'StoreRefused', verdict: 'operator' },
          { status: 503, code: 'SlowDown', failure: 'StoreUnavailable', verdict: 'retry' },
        ];
        // the second manifest, records of backups, their parts, WAL
        for (const nth of [1, 2, 8, 25, 45]) {
          for (const { status, code, failure, verdict } of nth === 8 ? troubles : troubles.slice(0, 1)) {
            test(`leaves whole backups where it fails with ${status} from DELETE ${nth} on, and the next run ends it`, async () => {
              bucket.reset();
              const start = middle.windowStart(lived);
              await losesNothing(bucket, start, async () => {
                const { exitCode, log } = await failing(nth, 1_000, status, code);
                assert.equal(exitCode, 5, log);
                assert.match(log, new RegExp(`"failure":"${failure}"`));
                assert.match(log, new RegExp(`"verdict":"${verdict}"`));
              });
              await bucket.requireWhole();
              await losesNothing(bucket, start, () => succeeds(bucket, start));
              await bucket.requireWhole();
              await bucket.requireKnown();
            });
          }
        }
      });
    }
  });
}

/** The same three each time, or as many as there are. */
const threeOf = (points: readonly Point[]): [Point[]][] =>
  fc.sample(
    fc.tuple(
      fc.shuffledSubarray([...points], {
        minLength: Math.min(3, points.length),
        maxLength: Math.min(3, points.length),
      }),
    ),
    1,
  );
