import { mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from './durable-file.ts';
import { type DeliveryTries, printTries } from './event-outbox-record.ts';

export type PutState = 'put' | 'unsure' | 'intent';

/** A file of the outbox by its name, `<time>-<uuid>.<state>`. */
export interface OutboxFile {
  name: string;
  id: string;
  state: PutState;
  /** when the put began, by its writer's clock */
  begunAt: number;
}

/** The folder that writers leave their announcements in, and `dead/` in it for what nobody takes. */
export class OutboxFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async prepare(): Promise<void> {
    await mkdir(join(this.path, 'dead'), { recursive: true, mode: 0o700 });
  }

  /** Oldest first. */
  async files(): Promise<OutboxFile[]> {
    const names = await readdir(this.path);
    return names.sort().flatMap((name) => {
      const match = /^((\d{15})-[0-9a-f-]+)\.(put|unsure|intent)$/.exec(name);
      return match ? [{ name, id: match[1]!, begunAt: Number(match[2]), state: match[3] as PutState }] : [];
    });
  }

  /** What writers left that died while they wrote it, begun before `before`. */
  async removeTorn(before: number): Promise<void> {
    for (const name of await readdir(this.path)) {
      const match = /^(\d{15})-.*\.tmp$/.exec(name);
      if (match && Number(match[1]) < before) await this.remove(name);
    }
  }

  /** undefined when it is gone */
  async read(name: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.path, name), 'utf8');
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /** Note a failed delivery, and make the whole file durable: from now on it may be all that is known of the event. */
  async note(name: string, tries: DeliveryTries): Promise<void> {
    const file = await open(join(this.path, name), 'a');
    try {
      await file.writeFile(printTries(tries));
      await file.sync();
    } finally {
      await file.close();
    }
    await syncDirectory(this.path);
  }

  async remove(name: string): Promise<void> {
    try {
      await unlink(join(this.path, name));
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  graveOf(name: string): string {
    return join(this.path, 'dead', name);
  }

  async bury(name: string): Promise<void> {
    await rename(join(this.path, name), this.graveOf(name));
    await syncDirectory(join(this.path, 'dead'));
  }
}

const isGone = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';
