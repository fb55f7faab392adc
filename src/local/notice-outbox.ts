import { formatDuration } from '#model/duration';
import { type InvokeTell, invokeTell } from './invoke-tell.ts';
import type { LocalLog } from './local-log.ts';
import {
  fileNameOf,
  messageIdOf,
  moveNotice,
  openFolders,
  readWaiting,
  removeDoneBefore,
  type WaitingNotice,
  writeWaiting,
} from './notice-file.ts';
import { describeFailure, isTooOld, type NoticeEntry, noticeEntry, pauseAfter } from './notice-retry.ts';

export interface OutboxOptions {
  /** <state>/notices, of this process alone */
  folder: string;
  invoke: InvokeTell;
  log: LocalLog;
  now?(): Date;
  /** invocations at the same time */
  concurrency?: number;
  pauseMs?: { first: number; longest: number };
  /** an invocation that has not ended by then counts as failed */
  invokeMs?: number;
  giveUpMs?: number;
}

export interface OutboxState {
  waiting: number;
  /** ISO 8601, when the oldest that waits was published; null: none waits */
  oldest: string | null;
  lastFailure: { at: string; reason: string } | null;
  dead: number;
}

const defaults = {
  now: () => new Date(),
  concurrency: 8,
  pauseMs: { first: 1_000, longest: 300_000 },
  invokeMs: 150_000,
  giveUpMs: 86_400_000,
};

/** Longer than any interruption after which an execution is resumed and publishes again what it had published. */
const dayMs = 24 * 3_600_000;
const rememberDoneMs = 30 * dayMs;
/** Less than a machine waits for what it publishes. */
const unwrittenMs = 50_000;

/**
 * What SNS is in AWS: takes a message at once and keeps it, and invokes the function `tell` until that succeeds.
 *
 *     publish --written, synced--> waiting --told--> done (remembered 30 days: the same dedupe id publishes nothing)
 *                                     |  --failed--> waiting (again after 1 s, 2 s, … 5 min; at once after a restart)
 *                                     |  --failed for 24 h, or not readable--> dead (kept for somebody to look at)
 *
 * A process that dies between telling and `done` tells again: the function knows which channels have it.
 * @throws StoreRefused, StoreUnavailable when the folder cannot be made or read
 */
export async function openNoticeOutbox(options: OutboxOptions): Promise<NoticeOutbox> {
  const settings = { ...defaults, ...options };
  const { waiting, done, dead } = await openFolders(settings.folder);
  const outbox = new NoticeOutbox(settings, [...done, ...dead], dead.length);
  const found: NoticeEntry[] = [];
  for (const name of waiting) {
    // one that cannot be read must not keep the others from being told: its try says so
    const notice = await readWaiting(settings.folder, name).catch(() => 'no notice' as const);
    found.push(noticeEntry(name, typeof notice === 'string' ? settings.now().toISOString() : notice.publishedAt));
  }
  await outbox.forget();
  outbox.resume(found.sort((a, b) => (a.publishedAt < b.publishedAt ? -1 : 1)));
  return outbox;
}

export class NoticeOutbox {
  readonly #settings: Required<OutboxOptions>;
  /** of all that was ever published here, and when it is on disk */
  readonly #known: Map<string, Promise<void>>;
  readonly #waiting = new Map<string, NoticeEntry>();
  #busy = 0;
  #dead: number;
  #lastFailure: OutboxState['lastFailure'] = null;
  #timer: NodeJS.Timeout | undefined;
  #phase: 'open' | 'draining' | 'stopped' = 'open';
  #onIdle: (() => void) | undefined;
  #forgottenMs = performance.now();

  constructor(settings: Required<OutboxOptions>, known: readonly string[], dead: number) {
    this.#settings = settings;
    this.#known = new Map(known.map((name) => [name, Promise.resolve()]));
    this.#dead = dead;
  }

  /**
   * Durable when this settles; told later. The same dedupe id publishes nothing twice, also after a restart. What cannot
   * be written is told at once, for a disk that is full is the first thing that people have to hear of.
   * @throws StoreUnavailable, StoreRefused when it can be neither written nor told
   */
  publish(message: string, dedupeId: string): Promise<void> {
    const id = messageIdOf(dedupeId);
    const name = fileNameOf(id);
    const before = this.#known.get(name);
    if (before) return before;
    const publishedAt = this.#settings.now().toISOString();
    const notice = { id, dedupeId, message, publishedAt };
    const written = writeWaiting(this.#settings.folder, notice);
    const kept = () => this.resume([noticeEntry(name, publishedAt)]);
    const settled = written.then(kept, (failure: unknown) => this.#tellUnwritten(name, notice, failure));
    this.#known.set(name, settled);
    return settled;
  }

  async #tellUnwritten(name: string, notice: WaitingNotice, failure: unknown): Promise<void> {
    const { invoke, invokeMs } = this.#settings;
    try {
      await invokeTell(invoke, notice, Math.min(invokeMs, unwrittenMs));
    } catch {
      this.#known.delete(name);
      throw failure;
    }
    this.#log('warn', `notice ${name} was told, and could not be written: ${describeFailure(failure)}`);
  }

  /** What was done too long ago for anybody to publish it again; also called once a day. */
  async forget(): Promise<void> {
    const { folder, now } = this.#settings;
    this.#forgottenMs = performance.now();
    const gone = await removeDoneBefore(folder, new Date(now().getTime() - rememberDoneMs));
    for (const name of gone) this.#known.delete(name);
  }

  /** Tell these, which lie in `waiting`. */
  resume(entries: readonly NoticeEntry[]): void {
    for (const entry of entries) {
      this.#waiting.set(entry.name, entry);
      if (!this.#known.has(entry.name)) this.#known.set(entry.name, Promise.resolve());
    }
    this.#pump();
  }

  state(): OutboxState {
    let oldest: string | null = null;
    for (const { publishedAt } of this.#waiting.values()) {
      if (oldest === null || publishedAt < oldest) oldest = publishedAt;
    }
    return { waiting: this.#waiting.size, oldest, lastFailure: this.#lastFailure, dead: this.#dead };
  }

  /**
   * For a clean stop: what was not tried yet is tried, what is on its way may end, but not longer than `timeoutMs`. Then nothing
   * more is tried. Answers how many still wait; they are told after the next start, and so is what is published from now on.
   */
  async drain(timeoutMs: number): Promise<number> {
    this.#phase = 'draining';
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    this.#pump();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([idle, late]);
    clearTimeout(timer);
    this.#phase = 'stopped';
    clearTimeout(this.#timer);
    return this.#waiting.size;
  }

  /** Begin all that is due and that there is room for, and wake up for the next. */
  #pump(): void {
    clearTimeout(this.#timer);
    if (this.#phase === 'stopped') return;
    const nowMs = performance.now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const entry of this.#waiting.values()) {
      if (this.#busy >= this.#settings.concurrency) return; // whichever ends pumps again
      if (entry.busy || (this.#phase === 'draining' && entry.tries > 0)) continue;
      if (entry.dueMs <= nowMs) void this.#try(entry);
      else nextMs = Math.min(nextMs, entry.dueMs);
    }
    if (this.#phase === 'draining' && this.#busy === 0) this.#onIdle?.();
    if (nextMs < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#pump(), nextMs - nowMs);
  }

  async #try(entry: NoticeEntry): Promise<void> {
    entry.busy = true;
    entry.firstTriedMs ??= performance.now();
    this.#busy += 1;
    try {
      await this.#tell(entry);
    } catch (failure) {
      await this.#failed(entry, failure);
    } finally {
      entry.busy = false;
      this.#busy -= 1;
      this.#pump();
    }
  }

  async #tell(entry: NoticeEntry): Promise<void> {
    const { folder, invoke, invokeMs } = this.#settings;
    const notice = await readWaiting(folder, entry.name);
    if (notice === 'no notice') return this.#giveUp(entry, 'it is no notice: the file was changed');
    if (notice !== 'gone') {
      await invokeTell(invoke, notice, invokeMs);
      await moveNotice(folder, entry.name, 'done');
    }
    this.#waiting.delete(entry.name);
    if (performance.now() - this.#forgottenMs > dayMs) await this.forget().catch(() => undefined);
  }

  async #failed(entry: NoticeEntry, failure: unknown): Promise<void> {
    const { now, pauseMs, giveUpMs } = this.#settings;
    entry.tries += 1;
    const reason = describeFailure(failure);
    this.#lastFailure = { at: now().toISOString(), reason };
    if (isTooOld(entry, now(), performance.now(), giveUpMs)) {
      try {
        return await this.#giveUp(entry, reason);
      } catch {
        // the disk refuses to lay it aside: it waits on
      }
    }
    const againInMs = pauseAfter(entry.tries, pauseMs, Math.random());
    entry.dueMs = performance.now() + againInMs;
    const again = `again in ${formatDuration(againInMs)}`;
    this.#log('warn', `notice ${entry.name} was not told at try ${entry.tries}, ${again}: ${reason}`);
  }

  async #giveUp(entry: NoticeEntry, reason: string): Promise<void> {
    await moveNotice(this.#settings.folder, entry.name, 'dead');
    this.#waiting.delete(entry.name);
    this.#dead += 1;
    this.#lastFailure = { at: this.#settings.now().toISOString(), reason };
    const told = `NOBODY IS TOLD of notice ${entry.name}, published ${entry.publishedAt}`;
    this.#log('error', `${told}; it lies in ${this.#settings.folder}/dead: ${reason}`);
  }

  /** A log that cannot be written keeps nobody from being told. */
  #log(level: 'warn' | 'error', message: string): void {
    try {
      this.#settings.log[level](message);
    } catch {
      // there is nobody else to tell
    }
  }
}
