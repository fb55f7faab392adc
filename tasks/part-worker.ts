import type { Manifest } from '#model/manifest';
import type { Account } from '#postgres/server-process';
import { type OpenBackup, openBackup } from '#recovery/open-backup';
import type { RestoreLayout } from '#recovery/restore-layout';
import { type PartJob, restorePart } from '#recovery/restore-part';
import { serveJobs } from '#runtime/job-process';
import { openStoreAt } from '#runtime/open-bucket';
import type { ObjectStore } from '#store/object-store';

/** Everything that work on one part needs; data keys travel over the pipe between the processes and nowhere else. */
export interface PartWork {
  /** of the bucket */
  location: string;
  /** without its list of parts */
  manifest: Manifest;
  dataKey: Uint8Array | undefined;
  job: PartJob;
  /** where to restore to; without it, the part is only read and compared */
  target: PartTarget | undefined;
}

export interface PartTarget {
  layout: RestoreLayout;
  account: Account | undefined;
}

let store: Promise<ObjectStore> | undefined;

/** Works through the parts it is sent, one at a time: decoding and writing block this process, and no other. */
serveJobs<PartWork>(async ({ location, manifest, dataKey, job, target }, tell, environment) => {
  store ??= openStoreAt(location, environment);
  const keyRing = dataKey && { create: () => Promise.reject(), unwrap: async () => Buffer.from(dataKey) };
  const backup = openBackup({ store: await store, keyRing }, manifest);
  if (target) await restoreJob(backup, manifest, job, target, tell);
  else for await (const block of backup.partBlocks(job.part)) tell(block.length);
});

function restoreJob(
  backup: OpenBackup,
  manifest: Manifest,
  job: PartJob,
  { layout, account }: PartTarget,
  tell: (bytes: number) => void,
): Promise<void> {
  const { blockSize } = manifest.server;
  return restorePart(
    backup,
    job,
    { layout, archive: job.part.archive, blockSize, ...(account ? { account } : {}) },
    tell,
  );
}
