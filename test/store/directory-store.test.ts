import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDirectoryStore } from '#store/directory-store';
import { storeContract } from './contract.ts';

storeContract('a directory as a store', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'lifeboat-store-'));
  const store = await createDirectoryStore(join(parent, 'bucket'));
  return { store, close: () => rm(parent, { recursive: true }) };
});
