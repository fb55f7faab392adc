import { isDeepStrictEqual } from 'node:util';
import { type Manifest, sealedClaims } from '#model/manifest';
import { readIndex } from '#pipeline/backup-index';
import { type ContainerHeader, damaged } from '#pipeline/container';
import type { DataKey, KeyRing } from '#pipeline/data-key';
import type { PartRecord } from '#pipeline/part-record';
import { readContainer } from '#pipeline/read-container';
import { unwrapKey } from '#recovery/unwrap-key';
import { backupObjectKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/** Where backups are read from: a store, and the keys to what lies in it. */
export interface Vault {
  store: ObjectStore;
  keyRing: KeyRing | undefined;
}

export interface OpenBackup {
  /** The backup's data key; undefined when it is not encrypted. @throws KeyUnusable */
  dataKey(): Promise<DataKey | undefined>;
  /** The parts in order, checked against the manifest. @throws ObjectDamaged */
  parts(): AsyncGenerator<PartRecord>;
  /** PostgreSQL's own backup_manifest */
  serverManifest(): AsyncGenerator<Buffer>;
  /** One part's tar stream, block by block; its whole object is compared with the manifest's digest at the end. */
  partBlocks(part: PartRecord): AsyncGenerator<Buffer>;
}

interface BackupObjectHeader extends ContainerHeader {
  source?: string;
  backup?: string;
  archive?: string;
  part?: number;
}

interface ExpectedObject {
  name: string;
  storedBytes: number;
  sha256: string;
  /** what the object's header must say beside source and backup */
  place: { kind: string; archive?: string; part?: number };
}

/** A committed backup, ready to be read; every object is checked to be the one that its manifest means. */
export function openBackup(vault: Vault, manifest: Manifest): OpenBackup {
  const { source, backup } = manifest;
  let unwrapped: Promise<DataKey | undefined> | undefined;
  const dataKey = () => {
    unwrapped ??= unwrapKey(vault.keyRing, { what: 'backup', source, id: backup, encryption: manifest.encryption });
    return unwrapped;
  };

  async function* blocks(expected: ExpectedObject): AsyncGenerator<Buffer> {
    const key = backupObjectKey(source, backup, expected.name);
    const { object, body } = await vault.store.get(key);
    const read = await readContainer<BackupObjectHeader>(body, { key, dataKey, digest: true });
    const found = { source: read.header.source, backup: read.header.backup, ...placeOf(read.header) };
    if (!isDeepStrictEqual(found, { source, backup, ...expected.place })) {
      await read.close();
      throw damaged(key, `says it is ${describe(found)}, expected ${describe({ source, backup, ...expected.place })}`);
    }
    yield* read.blocks();
    const stored = read.stored();
    if (stored.bytes !== expected.storedBytes || stored.sha256 !== expected.sha256) {
      throw damaged(
        key,
        `has ${object.size} bytes with SHA-256 ${stored.sha256}, the manifest says ${expected.storedBytes} and ${expected.sha256}`,
      );
    }
  }

  return {
    dataKey,
    async *parts() {
      const key = backupObjectKey(source, backup, manifest.index.name);
      const index = blocks({ ...manifest.index, place: { kind: 'index' } });
      let count = 0;
      for await (const part of readIndex(index, { key, claims: sealedClaims(manifest) })) {
        checkListed(manifest, count++, part, key);
        yield part;
      }
      if (count !== manifest.parts.length) {
        throw damaged(key, `knows ${count} parts, the manifest lists ${manifest.parts.length}`);
      }
    },
    serverManifest: () => blocks({ ...manifest.serverManifest, place: { kind: 'backup_manifest' } }),
    partBlocks: (part) => blocks({ ...part, place: { kind: 'part', archive: part.archive, part: part.part } }),
  };
}

function placeOf({ kind, archive, part }: BackupObjectHeader): ExpectedObject['place'] {
  return { kind, ...(archive === undefined ? {} : { archive }), ...(part === undefined ? {} : { part }) };
}

const describe = (place: Record<string, unknown>): string => Object.values(place).join(' ');

function checkListed(manifest: Manifest, at: number, part: PartRecord, key: string): void {
  const { name, archive, rawBytes, storedBytes, sha256 } = part;
  const known = { name, archive, part: part.part, rawBytes, storedBytes, sha256 };
  const listed = manifest.parts[at];
  if (!listed || !isDeepStrictEqual({ ...listed }, known)) {
    throw damaged(key, `describes part ${name} otherwise than the manifest does`);
  }
}
