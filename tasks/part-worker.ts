import { parentPort, workerData } from 'node:worker_threads';
import { packFailure } from '#model/carry-failure';
import type { Manifest } from '#model/manifest';
import type { Account } from '#postgres/server-process';
import { type OpenBackup, openBackup } from '#recovery/open-backup';
import type { RestoreLayout } from '#recovery/restore-layout';
import { type PartJob, restorePart } from '#recovery/restore-part';
import { openStore } from '#runtime/open-store';

/** What a worker thread is started with. */
export interface PartWorkerData {
  location: string;
  environment: Readonly<Record<string, string | undefined>>;
  /** where to restore to; without it, parts are only read and compared */
  target?: { layout: RestoreLayout; account: Account | undefined };
}

export interface PartWorkerJob {
  /** without its list of parts */
  manifest: Manifest;
  dataKey: Uint8Array | undefined;
  job: PartJob;
}

/** Works through the parts it is sent, one at a time: decoding and writing block this thread, and no other. */
const { location, environment, target } = workerData as PartWorkerData;
const opened = openStore(location, environment);

parentPort!.on('message', async ({ manifest, dataKey, job }: PartWorkerJob) => {
  try {
    const keyRing = dataKey && { create: () => Promise.reject(), unwrap: async () => Buffer.from(dataKey) };
    const backup = openBackup({ store: await opened, keyRing }, manifest);
    if (target) await restoreJob(backup, manifest, job, target);
    else for await (const block of backup.partBlocks(job.part)) tellBytes(block.length);
    parentPort!.postMessage({ done: true });
  } catch (failure) {
    parentPort!.postMessage({ failure: packFailure(failure) });
  }
});

const tellBytes = (bytes: number): void => parentPort!.postMessage({ bytes });

function restoreJob(
  backup: OpenBackup,
  manifest: Manifest,
  job: PartJob,
  { layout, account }: NonNullable<PartWorkerData['target']>,
): Promise<void> {
  const { blockSize } = manifest.server;
  const target = { layout, archive: job.part.archive, blockSize, ...(account ? { account } : {}) };
  return restorePart(backup, job, target, tellBytes);
}
