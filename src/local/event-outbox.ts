import { hostname } from 'node:os';
import { InputInvalid } from '#model/failure';
import { bareEtag, type ObjectCreated, objectCreatedEvent } from '#model/object-created';
import type { DeadEvent } from '#notify/daemon-notice';
import { announceStored, type PutRecord } from '#runtime/announce-puts';
import { identify } from '#runtime/process-identity';
import type { ObjectStore, StoredObject } from '#store/object-store';
import type { Clock } from './clock.ts';
import { Complaints } from './complaints.ts';
import { type OutboxFile, OutboxFolder } from './event-outbox-folder.ts';
import { neverTried, type OutboxRecord, parseOutboxRecord } from './event-outbox-record.ts';
import { isGivenUp, pauseAfter, triedAgain } from './event-outbox-retry.ts';
import { type EventRule, matchingRules } from './event-rules.ts';
import { FolderBell } from './folder-bell.ts';
import type { LocalLog } from './local-log.ts';

export interface EventOutboxSettings {
  /** what LIFEBOAT_EVENTS names for those who put */
  folder: string;
  /** opened without LIFEBOAT_EVENTS */
  store: ObjectStore;
  rules: readonly EventRule[];
  /** Give the event to a rule's target. Answers once the target has taken it, so that it may be forgotten here. */
  deliver(rule: EventRule, event: ObjectCreated, signal: AbortSignal): Promise<unknown>;
  /** Tell people that an event is given up. It is tried again until this has ended well. */
  tellDead(event: DeadEvent): Promise<void>;
  clock: Clock;
  log: LocalLog;
  /** how many events are delivered at once */
  concurrency?: number;
}

/**
 * Takes what writers announced (announce-puts.ts), and gives it to the targets of the rules that match, at least once
 * and in no order. A file is removed when all targets have taken its event, and buried in `dead/` when one has not for a day.
 *
 *     .put --all took it--> (none)      .unsure, .intent of a dead writer --the store has it--> .put
 *          --one did not--> .put, later                                   --it does not--> (none)
 *          --for a day--> dead/
 */
export class EventOutbox {
  readonly #settings: EventOutboxSettings;
  readonly #folder: OutboxFolder;
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #resting = new Map<string, { failures: number; until: number }>();
  readonly #delivered = new Set<string>();
  readonly #complaints: Complaints;

  constructor(settings: EventOutboxSettings) {
    this.#settings = settings;
    this.#folder = new OutboxFolder(settings.folder);
    this.#complaints = new Complaints(settings);
  }

  /** Until the signal is given; what is being delivered then is waited for, and comes again if it was not taken. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#folder.prepare();
    await this.#folder.removeTorn(this.#settings.clock.now() - tornMs);
    const bell = new FolderBell(this.#settings.folder);
    while (!signal.aborted) {
      await this.#look(signal).catch((failure) =>
        this.#complaints.say('outbox', `${this.#folder.path}: ${told(failure)}`),
      );
      await bell.wait(this.#settings.clock, signal);
    }
    bell.close();
    await Promise.all(this.#underWay.values());
  }

  /** Deliver what is due now, and wait for it. */
  async round(signal: AbortSignal): Promise<void> {
    await this.#folder.prepare();
    for (;;) {
      await this.#look(signal);
      if (this.#underWay.size === 0) return;
      await Promise.all(this.#underWay.values());
    }
  }

  /** Announce an object that is there, for whoever put it said nothing. */
  announce(object: StoredObject): Promise<void> {
    return announceStored(this.#settings.folder, this.#settings.store.url, object);
  }

  /** Those of these generations that were not delivered by us, are not going to be, and are not being put just now. */
  async unknown(objects: readonly StoredObject[]): Promise<StoredObject[]> {
    const isNew = (object: StoredObject): boolean => !this.#delivered.has(generation(object));
    const candidates = objects.filter(isNew);
    if (candidates.length === 0) return [];
    const pending = new Set<string>();
    for (const { name } of await this.#folder.files()) {
      const put = parseOutboxRecord((await this.#folder.read(name)) ?? '')?.put;
      // of an intent nobody knows yet which generation it becomes
      if (put) pending.add(put.object ? generation({ key: put.key, etag: put.object.etag }) : put.key);
    }
    // once more, for one may have been delivered while we looked
    return candidates.filter((one) => isNew(one) && !pending.has(generation(one)) && !pending.has(one.key));
  }

  /** When the oldest put began that is not delivered yet. */
  async oldest(): Promise<number | undefined> {
    return (await this.#folder.files())[0]?.begunAt;
  }

  async #look(signal: AbortSignal): Promise<void> {
    const files = await this.#folder.files();
    const complete = new Set(files.filter(({ state }) => state === 'put').map(({ id }) => id));
    for (const file of files) {
      if (signal.aborted) return;
      if (this.#underWay.has(file.name) || this.#isResting(file.name)) continue;
      if (file.state === 'put') await this.#begin(file, () => this.#deliver(file, signal));
      else if (complete.has(file.id)) await this.#folder.remove(file.name);
      else if (file.state === 'unsure' || (await this.#isOrphan(file)))
        await this.#begin(file, () => this.#resolve(file));
    }
  }

  /** One more at work, once there is room for it. */
  async #begin(file: OutboxFile, work: () => Promise<void>): Promise<void> {
    while (this.#underWay.size >= (this.#settings.concurrency ?? 8)) await Promise.race(this.#underWay.values());
    const over = work()
      .then(() => this.#resting.delete(file.name))
      .catch((failure) => this.#rest(file, failure))
      .then(() => void this.#underWay.delete(file.name));
    this.#underWay.set(file.name, over);
  }

  async #deliver(file: OutboxFile, signal: AbortSignal): Promise<void> {
    const { store, rules, deliver } = this.#settings;
    const text = await this.#folder.read(file.name);
    if (text === undefined) return;
    const record = parseOutboxRecord(text);
    const object = record?.put.object;
    if (!record || !object) return this.#bury(file, record, 'it cannot be understood');
    if (record.put.bucket !== store.url) return this.#bury(file, record, `it is of ${record.put.bucket}`);
    const { key } = record.put;
    const event = objectCreatedEvent(store.url, { ...object, key, lastModified: new Date(object.lastModified) });
    const waiting = matchingRules(rules, event).filter(({ name }) => !record.tries.taken.includes(name));
    const ends = await Promise.allSettled(waiting.map(async (rule) => deliver(rule, event, signal)));
    const failed = ends.flatMap((end, index) => (end.status === 'rejected' ? [{ rule: waiting[index]!, end }] : []));
    if (failed.length === 0) {
      this.#remember(generation({ key, etag: object.etag }));
      return this.#folder.remove(file.name);
    }
    // who was told to stop has not failed
    if (signal.aborted) return;
    const taken = waiting.filter((rule) => !failed.some((one) => one.rule === rule)).map(({ name }) => name);
    const failure = failed.map(({ rule, end }) => `${rule.name}: ${told(end.reason)}`).join('; ');
    await this.#failed(file, record, { taken, failure });
  }

  async #failed(
    file: OutboxFile,
    { put, tries }: OutboxRecord,
    what: { taken: string[]; failure: string },
  ): Promise<void> {
    const now = this.#settings.clock.now();
    const tried = triedAgain(tries, { now, ...what });
    await this.#folder.note(file.name, tried);
    if (isGivenUp(tried, now)) return this.#bury(file, { put, tries: tried }, what.failure);
    throw new DeliveryFailed(tried.tries, `${put.key}, try ${tried.tries}: ${what.failure}`);
  }

  async #bury(file: OutboxFile, record: OutboxRecord | undefined, why: string): Promise<void> {
    const { tries = 0, taken = [] } = record?.tries ?? {};
    const [key, place, begunAt] = [record?.put.key, this.#folder.graveOf(file.name), new Date(file.begunAt)];
    await this.#settings.tellDead({ key, place, tries, reason: why, begunAt });
    // whoever moves it back wants it to be tried as long again
    if (record) await this.#folder.note(file.name, { ...neverTried, taken, failure: why });
    await this.#folder.bury(file.name);
    const hint = `it is ${place}; once the cause is gone, move it back one folder`;
    this.#settings.log.error(`the event of ${key ?? file.name} was given up: ${why}\nHINT: ${hint}`);
  }

  async #isOrphan(file: OutboxFile): Promise<boolean> {
    const ageMs = this.#settings.clock.now() - file.begunAt;
    if (ageMs < orphanAfterMs) return false;
    const record = parseOutboxRecord((await this.#folder.read(file.name)) ?? '');
    // a number may belong to another process by now; a writer that is taken for dead loses nothing
    return !record || ageMs > deadAfterMs || !mayBeAlive(record.put);
  }

  /** What became of a put whose end nobody told? */
  async #resolve(file: OutboxFile): Promise<void> {
    const { store } = this.#settings;
    const text = await this.#folder.read(file.name);
    const record = parseOutboxRecord(text ?? '');
    if (text !== undefined && (!record || record.put.bucket !== store.url)) {
      return this.#bury(file, record, record ? `it is of ${record.put.bucket}` : 'it cannot be understood');
    }
    if (!record) return;
    const object = await headOrImpossible(store, record.put.key);
    if (object) await announceStored(this.#settings.folder, store.url, object, file.id);
    await this.#folder.remove(file.name);
  }

  #rest(file: OutboxFile, failure: unknown): void {
    const failures =
      failure instanceof DeliveryFailed ? failure.tries : (this.#resting.get(file.name)?.failures ?? 0) + 1;
    this.#resting.set(file.name, { failures, until: this.#settings.clock.now() + pauseAfter(failures) });
    this.#complaints.say('event', told(failure));
  }

  #isResting(name: string): boolean {
    const rest = this.#resting.get(name);
    const leftMs = (rest?.until ?? 0) - this.#settings.clock.now();
    // where the clock went back it would rest for as long again
    return rest !== undefined && leftMs > 0 && leftMs <= pauseAfter(rest.failures);
  }

  #remember(what: string): void {
    this.#delivered.add(what);
    const [oldest] = this.#delivered;
    if (this.#delivered.size > mostRemembered) this.#delivered.delete(oldest!);
  }
}

class DeliveryFailed extends Error {
  readonly tries: number;
  constructor(tries: number, message: string) {
    super(message);
    this.tries = tries;
  }
}

const orphanAfterMs = 5_000;
const deadAfterMs = 3_600_000;
const tornMs = 3_600_000;
/** more than are put between two sweeps */
const mostRemembered = 200_000;

const generation = ({ key, etag }: { key: string; etag: string }): string => `${bareEtag(etag)} ${key}`;

const told = (failure: unknown): string => (failure instanceof Error ? failure.message : String(failure));

const mayBeAlive = ({ writer }: PutRecord): boolean => writer.host !== hostname() || identify(writer.pid) !== undefined;

async function headOrImpossible(store: ObjectStore, key: string): Promise<StoredObject | undefined> {
  try {
    return await store.head(key);
  } catch (failure) {
    // no object can have this key
    if (failure instanceof InputInvalid) return undefined;
    throw failure;
  }
}
