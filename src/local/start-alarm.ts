import type { NoticeInput } from '#model/notice';
import type { StartTarget } from '#model/planned-schedules';
import { type StartFailing, startFailing, startWorks } from '#notify/daemon-notice';
import type { Clock } from './clock.ts';

type Start = (target: StartTarget, scheduledTime: Date, name: string) => Promise<unknown>;

export interface StartAlarmSettings {
  publish(notice: NoticeInput): Promise<unknown>;
  clock: Clock;
  /** how long it may fail before people are told */
  afterMs?: number;
  /** told again this often */
  againMs?: number;
}

/**
 * Starts as `start` does, and tells people when that has failed for a while: a watch that cannot look tells nobody what
 * it would see, and a bucket that cannot be reached is the worst of it.
 */
export function withAlarm(start: Start, settings: StartAlarmSettings): Start {
  const { publish, clock, afterMs = 300_000, againMs = 6 * 3_600_000 } = settings;
  const failing = new Map<string, StartFailing & { toldMs: number | undefined }>();
  const over = async (what: string): Promise<void> => {
    const known = failing.get(what);
    if (known?.toldMs !== undefined) await publish(startWorks(known, new Date(clock.now())));
    failing.delete(what);
  };
  const failed = async (what: string, failure: unknown): Promise<void> => {
    const nowMs = clock.now();
    const known = failing.get(what) ?? { what, since: new Date(nowMs), toldMs: undefined, reason: '' };
    failing.set(what, known);
    known.reason = failure instanceof Error ? failure.message : String(failure);
    const due = known.toldMs === undefined ? known.since.getTime() + afterMs : known.toldMs + againMs;
    if (nowMs < due) return;
    await publish(startFailing(known));
    known.toldMs = nowMs;
  };
  return async (target, scheduledTime, name) => {
    const what = 'function' in target ? target.function : target.stateMachine;
    try {
      await start(target, scheduledTime, name);
    } catch (failure) {
      await failed(what, failure).catch(() => undefined); // told with the next failure; this one says more
      throw failure;
    }
    await over(what).catch(() => undefined); // told with the next start that works
  };
}
