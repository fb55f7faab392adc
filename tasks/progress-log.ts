import type { TaskLog } from './task-log.ts';

/** How far one phase of long work was when it was last told. */
export interface ToldProgress {
  atMs: number;
  done: number;
}

/** what is counted */
export type ProgressUnit = 'Bytes' | 'Files';

/** A line for each hundredth, but not more than one a second; and one a minute however slow it is. */
export function isWorthTelling(told: ToldProgress, now: ToldProgress, total: number): boolean {
  const sinceMs = now.atMs - told.atMs;
  if (sinceMs < 1_000) return false;
  return sinceMs >= 60_000 || now.done - told.done >= total / 100;
}

/** Tells in the log how far one phase is: how much is done, rate, time left. */
export class ProgressLog {
  readonly #log: TaskLog;
  readonly #phase: string;
  readonly #begunAtMs: number;
  #told: ToldProgress;

  constructor(log: TaskLog, phase: string, nowMs = performance.now()) {
    this.#log = log;
    this.#phase = phase;
    this.#begunAtMs = nowMs;
    this.#told = { atMs: nowMs, done: 0 };
  }

  /** `total`: 0 when it is not known */
  show(done: number, total: number, unit: ProgressUnit = 'Bytes', nowMs = performance.now()): void {
    const now = { atMs: nowMs, done };
    if (!isWorthTelling(this.#told, now, total)) return;
    this.#told = now;
    const rate = (done * 1000) / (nowMs - this.#begunAtMs);
    const secondsLeft = Math.round(Math.max(0, total - done) / rate);
    const left = total > 0 && rate > 0 ? { [`total${unit}`]: total, secondsLeft } : {};
    const perSecond = Number(rate.toPrecision(3));
    this.#log.info(this.#phase, { [`done${unit}`]: done, [`${unit.toLowerCase()}PerSecond`]: perSecond, ...left });
  }
}

/** Says when a phase begins, and tells how far it is. */
export class PhaseLog<Phase extends string> {
  readonly #log: TaskLog;
  #phase: Phase | undefined;
  #progress: ProgressLog | undefined;

  constructor(log: TaskLog) {
    this.#log = log;
  }

  show(phase: Phase, done = 0, total = 0, unit: ProgressUnit = 'Bytes'): void {
    if (phase !== this.#phase) {
      this.#phase = phase;
      this.#progress = new ProgressLog(this.#log, phase);
      this.#log.info(`${phase} begins`);
    }
    this.#progress?.show(done, total, unit);
  }
}
