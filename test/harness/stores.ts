import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '#runtime/open-store';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import { startStrictS3 } from './strict-s3-server.ts';

export interface OpenedStore {
  store: ObjectStore;
  close(): Promise<void>;
}

/** Both kinds of stores, for what has to hold whichever decides the conditions. */
export const storeKinds: [name: string, open: () => Promise<OpenedStore>][] = [
  [
    'a directory',
    async () => {
      const parent = await mkdtemp(join(tmpdir(), 'lifeboat-store-'));
      const store = await createDirectoryStore(join(parent, 'bucket'));
      return { store, close: () => rm(parent, { recursive: true }) };
    },
  ],
  [
    'S3',
    async () => {
      const server = await startStrictS3({ bucket: 'strict-bucket' });
      const store = await openStore('s3://strict-bucket', server.environment);
      return { store, close: server.close };
    },
  ],
];
