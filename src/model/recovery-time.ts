import { formatDuration } from '#model/duration';

/** How long a drill that went well took, and of how much. */
export interface MeasuredDrill {
  finishedAt: string;
  durationsMs: { files: number; replay: number; checks: number };
  /** of all backups of the chain */
  rawBytes: number;
  walBytes: number;
}

/** What a recovery to the last point would have to do now. */
export interface TodaysWork {
  /** of all backups of the newest chain */
  rawBytes: number;
  /** from the start of the newest backup to the last point */
  walBytes: number;
}

export interface RtoForecast {
  ms: number;
  phasesMs: { files: number; replay: number; checks: number };
  drills: number;
  newestDrillAt: string;
  confidence: 'good' | 'fair' | 'poor';
  /** how it was made, for people */
  basis: string;
}

const usedDrills = 5;
const dayMs = 86_400_000;

/**
 * The time that a recovery would take now: what the last drills took, scaled to today's size. undefined without drills.
 *
 * A phase takes a constant (to start programs and servers; at most a few seconds) and a time for each byte, both out of
 * the drills. Of drills so small that the constant is nearly all of it, what is left over is noise: there a byte
 * takes as long as on a slow disk, so that a forecast is rather too long.
 */
export function forecastRto(drills: readonly MeasuredDrill[], today: TodaysWork, now: Date): RtoForecast | undefined {
  const newest = [...drills].sort((a, b) => Date.parse(b.finishedAt) - Date.parse(a.finishedAt)).slice(0, usedDrills);
  if (newest.length === 0) return undefined;
  const of = (phase: keyof RtoForecast['phasesMs'], bytes: 'rawBytes' | 'walBytes'): number => {
    const points = newest.map((drill) => ({ bytes: drill[bytes], ms: drill.durationsMs[phase] }));
    return Math.round(scale(points, today[bytes], limits[phase]));
  };
  const phasesMs = {
    files: of('files', 'rawBytes'),
    replay: of('replay', 'walBytes'),
    checks: of('checks', 'rawBytes'),
  };
  return {
    ms: phasesMs.files + phasesMs.replay + phasesMs.checks,
    phasesMs,
    drills: newest.length,
    newestDrillAt: newest[0]!.finishedAt,
    ...trust(newest, today, now),
  };
}

interface PhaseLimits {
  /** how much of a phase may not depend on the size */
  constantMs: number;
  /** bytes per second, where the drills are too small to tell */
  slowest: number;
}

const limits: Record<keyof RtoForecast['phasesMs'], PhaseLimits> = {
  files: { constantMs: 5_000, slowest: 200e6 },
  replay: { constantMs: 10_000, slowest: 60e6 },
  checks: { constantMs: 10_000, slowest: 1e9 },
};

function scale(points: readonly { bytes: number; ms: number }[], todayBytes: number, limit: PhaseLimits): number {
  const bytes = sum(points.map((point) => point.bytes));
  const ms = sum(points.map((point) => point.ms));
  const slowestMs = 1_000 / limit.slowest;
  if (bytes === 0) return ms / points.length + todayBytes * slowestMs;
  const constant = Math.min(limit.constantMs, ...points.map((point) => point.ms));
  const measured = Math.max(0, (ms - constant * points.length) / bytes);
  const telling = (bytes / points.length) * slowestMs > limit.constantMs;
  return constant + todayBytes * (telling ? measured : slowestMs);
}

function trust(
  drills: readonly MeasuredDrill[],
  today: TodaysWork,
  now: Date,
): Pick<RtoForecast, 'confidence' | 'basis'> {
  const ageMs = Math.max(0, now.getTime() - Date.parse(drills[0]!.finishedAt));
  const largest = Math.max(...drills.map(({ rawBytes }) => rawBytes));
  const growth = largest === 0 ? Number.POSITIVE_INFINITY : today.rawBytes / largest;
  const count = drills.length === 1 ? 'one drill' : `${drills.length} drills`;
  const size = growth > 2 ? `, of at most ${Math.round(100 / growth)} % of today's size` : '';
  const poor = ageMs > 35 * dayMs || growth > 4;
  const good = drills.length >= 3 && ageMs <= 8 * dayMs && growth <= 2;
  return {
    confidence: poor ? 'poor' : good ? 'good' : 'fair',
    basis: `${count}, the last one ${formatDuration(ageMs)} ago${size}`,
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
