import { parentPort, workerData } from 'node:worker_threads';
import { packFailure } from '#model/carry-failure';
import type { Manifest } from '#model/manifest';
import type { Account } from '#postgres/server-process';
import { openBackup } from '#recovery/open-backup';
import type { RestoreLayout } from '#recovery/restore-layout';
import { type PartJob, restorePart } from '#recovery/restore-part';
import { openStore } from '#runtime/open-store';

/** What a worker thread is started with; everything a part's restore needs, and nothing that can be reached again. */
export interface RestoreWorkerData {
  location: string;
  environment: Record<string, string | undefined>;
  layout: RestoreLayout;
  account: Account | undefined;
}

export interface RestoreWorkerJob {
  /** without its list of parts */
  manifest: Manifest;
  dataKey: Uint8Array | undefined;
  job: PartJob;
}

/** Restores the parts it is sent, one at a time: decoding and writing block this thread, and no other. */
const { location, environment, layout, account } = workerData as RestoreWorkerData;
const opened = openStore(location, environment);

parentPort!.on('message', async ({ manifest, dataKey, job }: RestoreWorkerJob) => {
  try {
    const keyRing = dataKey && { create: () => Promise.reject(), unwrap: async () => Buffer.from(dataKey) };
    const backup = openBackup({ store: await opened, keyRing }, manifest);
    const target = { layout, archive: job.part.archive, blockSize: manifest.server.blockSize };
    await restorePart(backup, job, { ...target, ...(account ? { account } : {}) }, (bytes) =>
      parentPort!.postMessage({ bytes }),
    );
    parentPort!.postMessage({ done: true });
  } catch (failure) {
    parentPort!.postMessage({ failure: packFailure(failure) });
  }
});
