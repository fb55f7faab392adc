import { open, rename, rm } from 'node:fs/promises';

export type Write = (offset: number, bytes: Buffer) => Promise<void>;

/** Write a file that appears under its name only when all of it is on disk. */
export async function placeFile(to: string, fill: (write: Write) => Promise<void>, sizeBytes?: number): Promise<void> {
  const unfinished = unfinishedName(to);
  const file = await open(unfinished, 'w', 0o600);
  try {
    await fill(async (offset, bytes) => {
      for (let done = 0; done < bytes.length; ) {
        done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
      }
    });
    if (sizeBytes !== undefined) await file.truncate(sizeBytes);
    await file.sync();
    await file.close();
    await rename(unfinished, to);
  } catch (failure) {
    await file.close().catch(() => undefined); // it may be closed already; the failure that matters is thrown
    await rm(unfinished, { force: true });
    throw failure;
  }
}

/** What a file is called until it is complete; one that a kill left behind is overwritten. */
export const unfinishedName = (to: string): string => `${to}.part`;
