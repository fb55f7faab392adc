import { readFile } from 'node:fs/promises';
import type { CommandContext } from '#cli/command';
import { chooseSource } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import { parseControlFile } from '#postgres/control-file';
import { WalReader } from '#recovery/read-wal';
import { openBucket } from '#runtime/open-bucket';
import { systemFolder } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/** The WAL of one system, as wal-fetch and wal-prefetch need it. */
export interface Archive {
  store: ObjectStore;
  reader: WalReader;
  source: string;
  systemId: string;
  segmentSize: number;
}

/** Which system is told by the data directory that we are in, or by its id. @throws InputInvalid when by neither */
export async function openArchive(
  { plan, environment, cwd }: CommandContext,
  sourceName: string | undefined,
  systemId: string | undefined,
): Promise<Archive> {
  const { name: source } = chooseSource(await plan(), sourceName, '--source');
  const { store, keyRing } = await openBucket(await plan(), environment);
  const reader = new WalReader(store, keyRing);
  const system = systemId === undefined ? await systemOf(cwd) : await systemStored(store, reader, source, systemId);
  return { store, reader, source, ...system };
}

async function systemOf(dataDir: string): Promise<{ systemId: string; segmentSize: number }> {
  const path = `${dataDir}/global/pg_control`;
  const control = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new InputInvalid(
      'data directory',
      dataDir,
      `a folder with global/pg_control, which cannot be read: ${error.code}`,
      'PostgreSQL runs restore_command in its data directory; elsewhere name the system with --system-id',
    );
  });
  const { systemIdentifier, walSegmentSizeBytes } = parseControlFile(control);
  return { systemId: systemIdentifier, segmentSize: walSegmentSizeBytes };
}

async function systemStored(store: ObjectStore, reader: WalReader, source: string, systemId: string) {
  for await (const { key } of store.list(systemFolder(source, systemId))) {
    if (!key.endsWith('.history')) return { systemId, segmentSize: await reader.segmentSize(key) };
  }
  throw new InputInvalid('--system-id', systemId, `a system that ${source} has WAL of`);
}
