import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { forecastRto, type MeasuredDrill } from '#model/recovery-time';

const now = new Date('2026-11-20T06:00:00Z');
const GB = 1e9;
const drill = (
  daysAgo: number,
  rawBytes: number,
  files: number,
  walBytes = 0,
  replay = 0,
  checks = 0,
): MeasuredDrill => ({
  finishedAt: new Date(now.getTime() - daysAgo * 86_400_000).toISOString(),
  durationsMs: { files, replay, checks },
  rawBytes,
  walBytes,
});

describe('the forecast of a recovery', () => {
  test('does not exist without a drill', () => {
    assert.equal(forecastRto([], { rawBytes: 1, walBytes: 1 }, now), undefined);
  });

  test('of the size that was drilled is the time that it took', () => {
    const forecast = forecastRto(
      [drill(1, 100 * GB, 500_000, 10 * GB, 200_000, 60_000)],
      { rawBytes: 100 * GB, walBytes: 10 * GB },
      now,
    )!;
    assert.deepEqual(forecast.phasesMs, { files: 500_000, replay: 200_000, checks: 60_000 });
    assert.equal(forecast.ms, 760_000);
  });

  test('of twice the size takes about twice as long', () => {
    const { phasesMs } = forecastRto([drill(1, 100 * GB, 500_000)], { rawBytes: 200 * GB, walBytes: 0 }, now)!;
    assert.ok(phasesMs.files > 990_000 && phasesMs.files <= 1_000_000, `${phasesMs.files}`);
  });

  test('from a tiny drill is not tiny for a large source: the start of a server tells nothing of its speed', () => {
    const { phasesMs } = forecastRto(
      [drill(1, 30e6, 400, 1e6, 3_000)],
      { rawBytes: 100 * GB, walBytes: 10 * GB },
      now,
    )!;
    assert.ok(phasesMs.replay > 160_000, `${phasesMs.replay}`);
    assert.ok(phasesMs.files > 490_000, `${phasesMs.files}`);
    const small = forecastRto([drill(1, 30e6, 400, 1e6, 3_000)], { rawBytes: 30e6, walBytes: 1e6 }, now)!;
    assert.ok(small.ms < 4_000, `${small.ms}`);
  });

  test('of drills with hardly any WAL says nothing of a byte of it, though one took longer than the other', () => {
    const drills = [drill(0, 30e6, 400, 248, 4_100), drill(1, 30e6, 400, 248, 3_900)];
    const { phasesMs } = forecastRto(drills, { rawBytes: 30e6, walBytes: 16e6 }, now)!;
    assert.ok(phasesMs.replay < 5_000, `${phasesMs.replay}`);
  });

  test('takes the last five drills', () => {
    const old = Array.from({ length: 9 }, (_, n) => drill(10 + n, 100 * GB, 5_000_000));
    const last = Array.from({ length: 5 }, (_, n) => drill(n, 100 * GB, 500_000));
    const forecast = forecastRto([...old, ...last], { rawBytes: 100 * GB, walBytes: 0 }, now)!;
    assert.deepEqual([forecast.drills, forecast.phasesMs.files], [5, 500_000]);
  });

  test('says how far it can be trusted', () => {
    const of = (drills: MeasuredDrill[], rawBytes = 100 * GB) => forecastRto(drills, { rawBytes, walBytes: 0 }, now)!;
    const three = [1, 2, 3].map((days) => drill(days, 100 * GB, 500_000));
    assert.deepEqual([of(three).confidence, of(three).basis], ['good', '3 drills, the last one 1d ago']);
    assert.equal(of([three[0]!]).confidence, 'fair');
    assert.deepEqual(
      [of(three, 500 * GB).confidence, of(three, 500 * GB).basis],
      ['poor', "3 drills, the last one 1d ago, of at most 20 % of today's size"],
    );
    assert.equal(of([drill(40, 100 * GB, 500_000)]).confidence, 'poor');
    assert.equal(of([drill(-1, 100 * GB, 500_000)]).basis, 'one drill, the last one 0s ago');
  });

  test('is a finite number, and not less for more', () => {
    const size = fc.integer({ min: 0, max: 1e13 });
    const ms = fc.integer({ min: 0, max: 1e8 });
    const drills = fc.array(
      fc
        .tuple(size, ms, size, ms, ms)
        .map(([raw, files, wal, replay, checks]) => drill(1, raw, files, wal, replay, checks)),
      { minLength: 1, maxLength: 7 },
    );
    fc.assert(
      fc.property(drills, size, size, (measured, rawBytes, walBytes) => {
        const one = forecastRto(measured, { rawBytes, walBytes }, now)!;
        const more = forecastRto(measured, { rawBytes: rawBytes * 2, walBytes: walBytes * 2 }, now)!;
        assert.ok(Number.isFinite(one.ms) && one.ms >= 0 && more.ms >= one.ms);
      }),
    );
  });
});
