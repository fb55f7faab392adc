import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readObject } from '#store/read-object';
import { StoredSource } from './stored-source.ts';

export interface StoredSystemOptions {
  /** the first one's WAL is everybody's */
  sources?: { source: string; after?: string[]; start?: object }[];
  /** of the system, beside its sources, applications and settings */
  system?: object;
  /** lines of the plan */
  more?: string;
}

/** A system of stored sources, with two applications and a setting that are files: `shop` of the plan. */
export class StoredSystem {
  readonly folder: string;
  readonly source: StoredSource;

  static async create({ sources = [{ source: 'main' }], system = {}, more = '' }: StoredSystemOptions = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'lifeboat-system-'));
    const shop = {
      sources: sources.map((one) => ({ to: join(folder, one.source), ...one })),
      applications: [
        { kind: 'file', path: join(folder, 'jobs'), active: 1 },
        { kind: 'file', path: join(folder, 'web'), active: 3 },
      ],
      settings: [{ kind: 'file', path: join(folder, 'address'), value: 'restored:5433' }],
      ...system,
    };
    const names = sources.map(({ source }) => source).sort((a, b) => Number(b === 'main') - Number(a === 'main'));
    const systems = `systems: ${JSON.stringify({ shop })}\n`;
    const stored = new StoredSystem(folder, await StoredSource.create({ sources: names, more: systems + more }));
    stored.put('jobs', '1');
    stored.put('web', '2');
    stored.put('address', 'old:5432');
    for (const name of names) await stored.source.backup({ source: name });
    await stored.source.commit();
    await stored.share(names.slice(1));
    return stored;
  }

  private constructor(folder: string, source: StoredSource) {
    this.folder = folder;
    this.source = source;
  }

  /** What of the first one's WAL is stored becomes the others', too: their names are as long, and the objects say whose they are. */
  async share(others: readonly string[]): Promise<void> {
    const { store, name } = this.source;
    for await (const { key } of store.list(`${name}/wal/`)) {
      const object = await readObject(store, key, { maxBytes: 1 << 24 });
      for (const other of others) {
        const own = `"source":"${name}"`;
        const at = object.indexOf(own);
        if (other.length !== name.length || at < 0) throw new Error(`the WAL of ${name} cannot be that of ${other}`);
        const copy = Buffer.from(object);
        copy.write(`"source":"${other}"`, at);
        await store.put(`${other}${key.slice(name.length)}`, copy, { condition: 'absent' });
      }
    }
  }

  put(name: 'jobs' | 'web' | 'address', value: string): void {
    writeFileSync(join(this.folder, name), `${value}\n`);
  }

  /** What jobs, web and address say. */
  get values(): string[] {
    return ['jobs', 'web', 'address'].map((name) => readFileSync(join(this.folder, name), 'utf8').trim());
  }

  remove(): void {
    this.source.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
