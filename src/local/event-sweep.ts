import { z } from 'zod';
import type { ObjectStore, StoredObject } from '#store/object-store';
import type { Clock } from './clock.ts';
import { readJson, replaceFile } from './durable-file.ts';
import type { LocalLog } from './local-log.ts';
import { recentPuts, type SweepMarks } from './recent-puts.ts';

export interface EventSweepSettings {
  /** JSON of where the last sweep ended; may be in the outbox's folder */
  file: string;
  store: ObjectStore;
  /** names */
  sources: readonly string[];
  outbox: {
    unknown(objects: readonly StoredObject[]): Promise<StoredObject[]>;
    announce(object: StoredObject): Promise<void>;
    oldest(): Promise<number | undefined>;
  };
  clock: Clock;
  log: LocalLog;
}

/**
 * Looks through the bucket at the start and every ten minutes, and announces what nobody announced: puts of programs
 * that know nothing of us (`lifeboat backup` in a terminal, an archive_command), and announcements that were lost
 * because the power was, or because the disk was full. What was put since the last sweep is announced once more after a
 * restart, for what we delivered is only known while we run.
 */
export class EventSweep {
  readonly #settings: EventSweepSettings;

  constructor(settings: EventSweepSettings) {
    this.#settings = settings;
  }

  /** Until the signal is given. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, store } = this.#settings;
    while (!signal.aborted) {
      let pauseMs = 600_000;
      try {
        const found = await this.sweep(signal);
        if (found > 0) log.info(`${found} objects of ${store.url} were announced by nobody, and are now`);
      } catch (failure) {
        if (signal.aborted) return;
        pauseMs = 60_000;
        log.warn(`the bucket could not be looked through: ${failure instanceof Error ? failure.message : failure}`);
      }
      await clock.sleep(pauseMs, signal).catch(() => undefined); // the signal was given
    }
  }

  /** Answers how many objects it announced. */
  async sweep(signal: AbortSignal): Promise<number> {
    const { store, sources, outbox, clock, file } = this.#settings;
    const known = await this.#load();
    const begunAt = clock.now();
    const waiting = (await outbox.oldest()) ?? begunAt;
    const since = new Date(known ? Math.min(Date.parse(known.until), begunAt) - slackMs : begunAt - firstMs);
    const settled = new Date(Math.min(begunAt, waiting) - settledMs);
    const marks: SweepMarks = {};
    let announced = 0;
    for (const source of sources) {
      const found = await recentPuts(store, source, { since, settled, marks: known?.marks ?? {}, signal });
      Object.assign(marks, found.marks);
      for (const object of await outbox.unknown(found.objects)) {
        await outbox.announce(object);
        announced++;
      }
    }
    // what is not delivered yet lies in files that may still be lost with the power: it is looked for once more
    const until = Math.min(begunAt, waiting, (await outbox.oldest()) ?? begunAt);
    await replaceFile(file, `${JSON.stringify({ format, until: new Date(until).toISOString(), marks })}\n`);
    return announced;
  }

  async #load(): Promise<z.infer<typeof schema> | undefined> {
    try {
      // one that cannot be understood is as good as none: the sweep takes longer
      return schema.safeParse(await readJson(this.#settings.file)).data;
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }
}

/** The clocks of writers, store and this machine may differ by as much. */
const slackMs = 300_000;
/** How far back the first sweep of all looks. */
const firstMs = 24 * 3_600_000;
/** How late a piece of WAL may come after those behind it. */
const settledMs = 3_600_000;

const format = 'lifeboat-sweep/1';
const schema = z.object({
  format: z.literal(format),
  until: z.iso.datetime(),
  marks: z.record(z.string(), z.string()),
});
