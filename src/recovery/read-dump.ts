import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { DumpManifest, DumpPart } from '#model/dump-manifest';
import { type ContainerHeader, damaged } from '#pipeline/container';
import type { DataKey } from '#pipeline/data-key';
import { readContainer } from '#pipeline/read-container';
import type { Vault } from '#recovery/open-backup';
import { unwrapKey } from '#recovery/unwrap-key';
import { dumpObjectKey } from '#store/bucket-layout';

export interface OpenDump {
  /** undefined when it is not encrypted. @throws KeyUnusable */
  dataKey(): Promise<DataKey | undefined>;
  /** The SQL of roles and tablespaces, block by block. */
  globals(): AsyncGenerator<Buffer, void>;
  /**
   * pg_dump's archive of the database with that place in the manifest, block by block. Only its end says that all of it
   * is as it was written: whoever takes blocks before has to be ready to take them back.
   */
  archive(database: number): AsyncGenerator<Buffer, void>;
}

/** What an object's header says of where it belongs. */
interface DumpObjectHeader extends ContainerHeader {
  source?: string;
  dump?: string;
  database?: number;
  part?: number;
}

/** A committed dump, ready to be read. What is not as its manifest says is ObjectDamaged, with the object's key. */
export function openDump(vault: Vault, manifest: DumpManifest, signal?: AbortSignal): OpenDump {
  const { source, dump, encryption } = manifest;
  let unwrapped: Promise<DataKey | undefined> | undefined;
  const dataKey = () => {
    unwrapped ??= unwrapKey(vault.keyRing, { what: 'dump', source, id: dump, encryption });
    return unwrapped;
  };

  async function* blocks(file: DumpPart, place: object): AsyncGenerator<Buffer, void> {
    const key = dumpObjectKey(source, dump, file.name);
    await dataKey(); // before a connection is opened
    const { body } = await vault.store.get(key, signal ? { signal } : {});
    const read = await readContainer<DumpObjectHeader>(body, { key, dataKey, digest: true });
    const expected = { source, dump, ...place };
    const found = placeOf(read.header);
    if (!isDeepStrictEqual(found, expected)) {
      await read.close();
      throw damaged(key, `says it is ${describe(found)}, expected ${describe(expected)}`);
    }
    let rawBytes = 0;
    for await (const block of read.blocks()) {
      signal?.throwIfAborted();
      rawBytes += block.length;
      yield block;
    }
    const stored = read.stored();
    if (stored.bytes !== file.storedBytes || stored.sha256 !== file.sha256) {
      const says = `the manifest says ${file.storedBytes} and ${file.sha256}`;
      throw damaged(key, `has ${stored.bytes} bytes with SHA-256 ${stored.sha256}, ${says}`);
    }
    if (rawBytes !== file.rawBytes) throw damaged(key, `holds ${rawBytes} bytes, the manifest says ${file.rawBytes}`);
  }

  return {
    dataKey,
    globals: () => blocks(manifest.globals, { kind: 'globals' }),
    async *archive(database) {
      const { name, parts, rawBytes, sha256 } = manifest.databases[database]!;
      const hash = createHash('sha256');
      let bytes = 0;
      for (const [part, file] of parts.entries()) {
        for await (const block of blocks(file, { kind: 'dump', database, part })) {
          hash.update(block);
          bytes += block.length;
          yield block;
        }
      }
      const found = hash.digest('hex');
      if (bytes === rawBytes && found === sha256) return;
      const subject = `the archive of database ${name} in ${dumpObjectKey(source, dump, 'manifest.json')}`;
      throw damaged(subject, `has ${bytes} bytes with SHA-256 ${found}, expected ${rawBytes} and ${sha256}`);
    },
  };
}

const placeOf = ({ source, dump, kind, database, part }: DumpObjectHeader): object => ({
  source,
  dump,
  kind,
  ...(database === undefined ? {} : { database }),
  ...(part === undefined ? {} : { part }),
});

const describe = (place: object): string => Object.values(place).join(' ');
