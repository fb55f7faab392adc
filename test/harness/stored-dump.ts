import { catalogDump, commitDump } from '#catalog/dumps';
import { type DumpKind, dumpId } from '#model/dump-id';
import type { DumpManifest } from '#model/dump-manifest';
import { dumpObjectKey, globalsName } from '#store/bucket-layout';
import type { StoredSource } from './stored-source.ts';

export interface StoredDumpOptions {
  source?: string;
  kind?: DumpKind;
  databases?: string[];
  execution?: string;
  /** false: the catalog has not heard of it */
  catalogued?: boolean;
  /** of each database, on its server */
  sizeBytes?: number;
}

/** A committed dump as a task would have left it, in a minute, of databases that nobody has. */
export async function storedDump(stored: StoredSource, options: StoredDumpOptions = {}): Promise<DumpManifest> {
  const { source = stored.name, kind = 'dump', databases = ['shop'], execution, sizeBytes = 1000 } = options;
  stored.pass(1);
  const startedAt = stored.now;
  const dump = dumpId(startedAt, kind);
  stored.pass(1);
  const times = { startedAt: startedAt.toISOString(), finishedAt: stored.now.toISOString() };
  const sha256 = 'a'.repeat(64);
  const manifest: DumpManifest = {
    ...{ format: 'lifeboat-dump/1', source, dump, kind, server: { version: '15.4', major: 15 }, client: '15.4' },
    globals: { name: globalsName, rawBytes: 10, storedBytes: 5, sha256, passwords: true },
    databases: databases.map((name) => ({
      ...{ name, owner: 'postgres', encoding: 'UTF8', collate: 'C', ctype: 'C', sizeBytes, ...times },
      ...{ parts: [], rawBytes: 1000, sha256 },
    })),
    ...{ rawBytes: 1000 * databases.length + 10, storedBytes: 300, compression: { codec: 'zstd', level: 3 } },
    ...{ encryption: null, ...times, requestedBy: 'test', execution: execution ?? null },
  };
  await stored.store.put(dumpObjectKey(source, dump, globalsName), Buffer.alloc(5), { condition: 'absent' });
  await commitDump(stored.store, manifest);
  if (options.catalogued !== false) await catalogDump(stored.store, manifest);
  return manifest;
}
