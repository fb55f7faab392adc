import { randomUUID } from 'node:crypto';
import { rename, unlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { InputInvalid } from '#model/failure';
import { isAnnounced } from '#model/object-created';
import type { Environment } from '#runtime/environment';
import type { ObjectStore, PutOptions, PutOutcome, StoredObject } from '#store/object-store';
import { thisProcess } from './this-process.ts';

/**
 * A store whose puts are heard of, as EventBridge hears of those into S3. For each put of a key that somebody waits for
 * there is a file in a folder that the daemon watches; its name begins with the time and says how far the put is:
 *
 *     (none) --before--> <id>.intent --stored--> <id>.put
 *                                    --condition does not hold, or refused unseen--> (none)
 *                                    --failed, and may have been stored all the same--> <id>.unsure
 *
 * Whoever is killed in between leaves an intent, and the daemon asks the store what became of it. Nothing here is synced
 * to disk: a process that dies loses no file, and what a machine loses that loses its power is found by the daemon's
 * sweep of the bucket. For the same reason a put never fails because it cannot be announced; it is said, and swept up.
 */
export function announcePuts(store: ObjectStore, folder: string, complain: (message: string) => void): ObjectStore {
  return {
    url: store.url,
    put(key, body, options) {
      if (!isAnnounced(key)) return store.put(key, body, options);
      return putAnnounced(store, new Announcement(folder, store.url, key, complain, announcementId(Date.now())), [
        key,
        body,
        options,
      ]);
    },
    head: (key, options) => store.head(key, options),
    get: (key, options) => store.get(key, options),
    list: (prefix, options) => store.list(prefix, options),
    folders: (prefix, options) => store.folders(prefix, options),
    delete: (key, options) => store.delete(key, options),
    abortStaleUploads: (before, options) => store.abortStaleUploads(before, options),
  };
}

/** With LIFEBOAT_EVENTS the puts are announced in the folder that it names; without, the store is what it was. */
export function announcedIn(environment: Environment, store: ObjectStore): ObjectStore {
  const folder = environment.LIFEBOAT_EVENTS;
  if (!folder) return store;
  const said = new Set<string>();
  return announcePuts(store, resolve(folder), (message) => {
    if (said.has(message)) return;
    said.add(message);
    process.emitWarning(message, 'LifeboatWarning');
  });
}

/** What a file in the folder holds, as JSON. */
export interface PutRecord {
  format: 'lifeboat-put/1';
  /** the store's url */
  bucket: string;
  key: string;
  /** who puts it; an intent of a process that is gone says nothing any more */
  writer: { host: string; pid: number };
  /** of a `.put` */
  object?: { size: number; etag: string; lastModified: string };
}

/**
 * Announce an object that is there already. `id`: of the intent that this was found by; where there was none, the
 * object's own time stands for the put's.
 */
export async function announceStored(folder: string, bucket: string, object: StoredObject, id?: string): Promise<void> {
  const found = id ?? announcementId(object.lastModified.getTime());
  await new Announcement(folder, bucket, object.key, raise, found).complete(object);
}

const announcementId = (time: number): string => `${String(time).padStart(15, '0')}-${randomUUID()}`;

function raise(message: string): never {
  throw new Error(message);
}

async function putAnnounced(
  store: ObjectStore,
  announcement: Announcement,
  [key, body, options]: [string, Parameters<ObjectStore['put']>[1], PutOptions | undefined],
): Promise<PutOutcome> {
  await announcement.begin();
  let outcome: PutOutcome;
  try {
    outcome = await store.put(key, body, options);
  } catch (failure) {
    await (failure instanceof InputInvalid ? announcement.withdraw() : announcement.leaveOpen());
    throw failure;
  }
  await (outcome.stored ? announcement.complete(outcome.object) : announcement.withdraw());
  return outcome;
}

class Announcement {
  readonly #record: PutRecord;
  readonly #path: string;
  readonly #folder: string;
  readonly #complain: (message: string) => void;

  constructor(folder: string, bucket: string, key: string, complain: (message: string) => void, id: string) {
    this.#folder = folder;
    this.#path = join(folder, id);
    this.#record = { format: 'lifeboat-put/1', bucket, key, writer: thisProcess() };
    this.#complain = complain;
  }

  begin(): Promise<void> {
    return this.#try(() => this.#write('intent', this.#record));
  }

  complete({ size, etag, lastModified }: StoredObject): Promise<void> {
    const object = { size, etag, lastModified: lastModified.toISOString() };
    return this.#try(async () => {
      // also where the intent is gone, because somebody took us for dead
      await this.#write('put', { ...this.#record, object });
      await unlink(`${this.#path}.intent`).catch(() => undefined); // with a .put beside it, it means nothing
    });
  }

  leaveOpen(): Promise<void> {
    return this.#try(() => rename(`${this.#path}.intent`, `${this.#path}.unsure`));
  }

  withdraw(): Promise<void> {
    return this.#try(() => unlink(`${this.#path}.intent`));
  }

  async #write(state: 'intent' | 'put', record: PutRecord): Promise<void> {
    // a name of its own: what a killed writer left under it must not be in the way of who announces for it
    const temporary = `${this.#path}.${randomUUID()}.tmp`;
    await writeFile(temporary, JSON.stringify(record), { mode: 0o600, flag: 'wx' });
    await rename(temporary, `${this.#path}.${state}`);
  }

  async #try(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      // without an intent there is nothing to rename or remove, and that was said already
      if (code === 'ENOENT' && this.#hasFailed) return;
      this.#hasFailed = true;
      this.#complain(
        `puts cannot be announced in ${this.#folder}: ${code}\nHINT: the objects are stored; the daemon finds them later, when it looks through the bucket`,
      );
    }
  }

  #hasFailed = false;
}
