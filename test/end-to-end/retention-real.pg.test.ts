import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { markedRows } from '#harness/marked-commits';
import { embeddedInstallation, machineInstallation } from '#harness/postgres-installations';
import type { FaultRule } from '#harness/strict-s3-faults';
import { type StrictS3, startStrictS3 } from '#harness/strict-s3-server';
import { type ExpiringBucket, inDirectory, inS3 } from './retention-bucket.ts';
import { places } from './retention-places.ts';
import { type Point, pointAt, pointsOf, requireNothingLost, waysTo } from './retention-points.ts';
import { idsIn, type Lived, live } from './retention-scene.ts';

for (const installation of [embeddedInstallation(), machineInstallation()]) {
  describe(`retention of what ${installation.name} wrote`, () => {
    let lived: Lived;
    let points: Point[];
    let directory: Awaited<ReturnType<typeof inDirectory>>;
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
        if (restores) await Promise.all(threeOf(left).map(restore));
      });
    }

    test('costs none when the window moves on, and retention runs each time', async () => {
      directory.reset();
      const instants = points.filter(({ target }) => target.time);
      const before = await waysTo(directory.vault, instants);
      const reached = instants.filter((_, index) => 'stops' in before[index]!).map(({ target }) => target.time);
      for (const { row, time } of lived.marks) assert.equal(reached.includes(time), row > 1, `row ${row}, before any`);
      for (const { windowStart } of places) {
        const start = windowStart(lived);
        await succeeds(directory, start);
        requireNothingLost(start, instants, before, await waysTo(directory.vault, instants));
      }
      await directory.requireWhole();
      await directory.requireKnown();
    });

    if (installation.major < 17) return;
    describe('in S3', () => {
      let s3: StrictS3;
      before(async () => {
        s3 = await startStrictS3({ bucket: 'backups' });
      });
      after(() => s3?.close());

      const troubles: { of: string; location: string; fault: Omit<FaultRule, 'method'>; failure?: string }[] = [
        {
          of: 'S3 is too busy for a moment',
          location: 's3://backups',
          fault: { nth: 5, times: 3, fault: { kind: 'error', status: 503, code: 'SlowDown' } },
        },
        {
          of: 'S3 stays too busy behind the manifests',
          location: 's3://backups',
          fault: { nth: 8, times: 1_000, fault: { kind: 'error', status: 503, code: 'SlowDown' } },
          failure: '"failure":"StoreUnavailable".*"verdict":"retry"',
        },
        ...[2, 25].map((nth) => ({
          of: `S3 refuses from DELETE ${nth} on`,
          location: 's3://backups/some/prefix',
          fault: { nth, times: 1_000, fault: { kind: 'error', status: 403, code: 'AccessDenied' } as const },
          failure: '"failure":"StoreRefused".*"verdict":"operator"',
        })),
      ];
      for (const { of, location, fault, failure } of troubles) {
        test(`at ${location} costs none where ${of}, and the next run ends it`, async () => {
          s3.bucket.objects.clear();
          const bucket = await inS3(lived, s3, location);
          const { windowStart } = places.find(({ name }) => name === 'as the first backup of the newer timeline ends')!;
          const start = windowStart(lived);
          const instants = points.filter(({ target }, index) => target.time && index % 3 === 0);
          const before = await waysTo(bucket.vault, instants);
          const requireGood = async () => {
            requireNothingLost(start, instants, before, await waysTo(bucket.vault, instants));
            await bucket.requireWhole();
          };
          s3.faults.add({ method: 'DELETE', ...fault });
          const { exitCode, log } = await bucket.expire(start);
          s3.faults.clear();
          assert.equal(exitCode, failure ? 5 : 0, log);
          assert.match(log, new RegExp(failure ?? ''));
          await requireGood();
          await succeeds(bucket, start);
          await requireGood();
          await bucket.requireKnown();
          assert.deepEqual(
            (await idsIn(bucket.vault.store)).sort(),
            lived.backups.slice(2).map(({ backup }) => backup),
          );
        });
      }
    });
  });
}

/** The same three each time, or as many as there are. */
function threeOf(points: readonly Point[]): Point[] {
  const count = Math.min(3, points.length);
  return fc.sample(fc.shuffledSubarray([...points], { minLength: count, maxLength: count }), 1)[0]!;
}
