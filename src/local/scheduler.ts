import { mostCounted } from '#model/next-firing';
import { filledIn, firingName, type PlannedSchedule, type StartTarget } from '#model/planned-schedules';
import type { Clock } from './clock.ts';
import type { LocalLog } from './local-log.ts';
import {
  afterClockCameBack,
  type DueFiring,
  dueFiring,
  nextDue,
  type ScheduleState,
  settle,
  starting,
  stateOf,
  wasSettled,
} from './schedule-state.ts';
import type { ScheduleStore } from './schedule-store.ts';

export interface SchedulerSettings {
  schedules: readonly PlannedSchedule[];
  store: ScheduleStore;
  /**
   * Start a machine's execution of this name, or invoke a function. Answers once what was started outlives us; also when
   * an execution of this name is there already, running or over, whatever its input was.
   */
  start(target: StartTarget, scheduledTime: Date, name: string): Promise<unknown>;
  /** whether the machine's execution of this name still runs; false when there never was one */
  isRunning(name: string, target: StartTarget & { stateMachine: string }): Promise<boolean>;
  clock: Clock;
  log: LocalLog;
}

/**
 * Starts what the plan wants done by the clock. Each firing is started once (schedule-state.ts says how), the newest of
 * those that were missed is caught up on, and nothing is started while what the same schedule started before still
 * runs. The clock may jump: it is looked at every 30 seconds at least, and only ever compared with what was settled.
 */
export class Scheduler {
  readonly #settings: SchedulerSettings;
  readonly #states = new Map<string, ScheduleState>();
  readonly #busy = new Map<string, Promise<void>>();
  readonly #failures = new Map<string, { count: number; retryAt: number }>();
  #loaded: Promise<void> | undefined;

  constructor(settings: SchedulerSettings) {
    this.#settings = settings;
  }

  /** Until the signal is given; what is being started then is waited for. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#settings;
    await this.#ready();
    while (!signal.aborted) {
      void this.tick(); // one that takes long does not keep the others waiting
      await clock.sleep(this.#pauseMs(), signal).catch(() => undefined); // the signal was given
    }
    await Promise.all(this.#busy.values());
  }

  /** Start what is due now; a schedule that is still at it is left alone. Rejects only where nothing can be remembered. */
  async tick(): Promise<void> {
    await this.#ready();
    await Promise.all(this.#settings.schedules.map((schedule) => this.#turn(schedule)));
  }

  /** When each schedule is due next, soonest first; none of one that will never be, nor before the first tick. */
  next(): { name: string; at: Date }[] {
    const due = [...this.#states].flatMap(([name, state]) => {
      const at = nextDue(state);
      return at ? [{ name, at }] : [];
    });
    return due.sort((one, other) => one.at.getTime() - other.at.getTime());
  }

  #ready(): Promise<void> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  async #load(): Promise<void> {
    const known = await this.#settings.store.load();
    for (const schedule of this.#settings.schedules) {
      this.#states.set(schedule.name, stateOf(known[schedule.name], schedule, this.#now()));
    }
    // first of all: an anchor that is not remembered would be another one after a crash
    await this.#save();
  }

  #turn(schedule: PlannedSchedule): Promise<void> {
    const { name } = schedule;
    const running = this.#busy.get(name);
    if (running) return running;
    const turn = this.#step(schedule)
      .catch((failure) => this.#failed(name, failure))
      .finally(() => this.#busy.delete(name));
    this.#busy.set(name, turn);
    return turn;
  }

  async #step(schedule: PlannedSchedule): Promise<void> {
    const { name } = schedule;
    const { log } = this.#settings;
    const rewound = afterClockCameBack(this.#states.get(name)!, this.#now());
    if (rewound) {
      log.warn(`${name}: the clock went back: what is due from ${rewound.settledUntil} on is due again`);
      await this.#keep(name, rewound);
    }
    const due = dueFiring(this.#states.get(name)!, this.#now());
    if (!due || this.#isResting(name)) return;
    if (!wasSettled(this.#states.get(name)!, due.scheduledTime)) await this.#fire(schedule, due);
    await this.#keep(name, settle(this.#states.get(name)!, due.scheduledTime));
    this.#failures.delete(name);
  }

  async #fire({ name, target }: PlannedSchedule, { scheduledTime, missed }: DueFiring): Promise<void> {
    const { log, start, isRunning } = this.#settings;
    const execution = firingName(name, scheduledTime);
    const state = this.#states.get(name)!;
    if (missed > 0) {
      const most = missed + 1 === mostCounted ? ' or more' : '';
      log.warn(`${name}: ${missed}${most} missed before ${scheduledTime.toISOString()}, which is made up for alone`);
    }
    const before = state.last && firingName(name, new Date(state.last.scheduledTime));
    if (before !== undefined && before !== execution && 'stateMachine' in target && (await isRunning(before, target))) {
      log.warn(`${name}: not started at ${scheduledTime.toISOString()}, because ${before} still runs`);
      return;
    }
    await this.#keep(name, starting(state, scheduledTime));
    await start(filledIn(target, scheduledTime), scheduledTime, execution);
  }

  #failed(name: string, failure: unknown): void {
    const count = (this.#failures.get(name)?.count ?? 0) + 1;
    const pauseMs = Math.min(1000 * 2 ** (count - 1), longestPauseMs);
    this.#failures.set(name, { count, retryAt: this.#settings.clock.now() + pauseMs });
    const said = failure instanceof Error ? failure.message : String(failure);
    this.#settings.log.error(`${name}: start failed ${count} times, again in ${pauseMs / 1000} s: ${said}`);
  }

  #isResting(name: string): boolean {
    const failure = this.#failures.get(name);
    const leftMs = (failure?.retryAt ?? 0) - this.#settings.clock.now();
    // where the clock went back it would rest for as long again
    return leftMs > 0 && leftMs <= longestPauseMs;
  }

  #pauseMs(): number {
    const now = this.#settings.clock.now();
    const times = [...this.#states].flatMap(([name, state]) => {
      if (this.#busy.has(name)) return [];
      return [this.#isResting(name) ? this.#failures.get(name)!.retryAt : nextDue(state)?.getTime()];
    });
    const earliest = Math.min(...times.filter((time) => time !== undefined));
    return Math.max(shortestPauseMs, Math.min(earliest - now, longestSleepMs));
  }

  #now(): Date {
    return new Date(this.#settings.clock.now());
  }

  #keep(name: string, state: ScheduleState): Promise<void> {
    this.#states.set(name, state);
    return this.#save();
  }

  #save(): Promise<void> {
    return this.#settings.store.save(Object.fromEntries(this.#states));
  }
}

/** A timer counts while the machine sleeps or not, as it likes, and never follows a clock that is set. */
const longestSleepMs = 30_000;
const shortestPauseMs = 10;
const longestPauseMs = 300_000;
