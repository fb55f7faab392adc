import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type CarriedFailure, unpackFailure } from '#model/carry-failure';
import { Aborted } from '#model/failure';
import type { Manifest } from '#model/manifest';
import type { KeyRing } from '#pipeline/data-key';
import { openBackup } from '#recovery/open-backup';
import type { PartRestorer } from '#recovery/restore-chain';
import type { PartJob } from '#recovery/restore-part';
import type { ObjectStore } from '#store/object-store';
import type { PartWorkerData, PartWorkerJob } from './part-worker.ts';

type Answer = { bytes: number } | { done: true } | { failure: CarriedFailure };

/** Worker threads that restore or verify parts side by side. Close it when that is over, however it ended. */
export class PartWorkers implements PartRestorer {
  readonly width: number;
  readonly #workers: Worker[];
  readonly #idle: Worker[];
  readonly #vault: { store: ObjectStore; keyRing: KeyRing | undefined };
  readonly #onBytes: (bytes: number) => void;

  constructor(
    width: number,
    data: PartWorkerData,
    vault: { store: ObjectStore; keyRing: KeyRing | undefined },
    onBytes: (bytes: number) => void,
  ) {
    this.width = width;
    const program = new URL('./part-worker.ts', import.meta.url);
    this.#workers = Array.from({ length: width }, () => new Worker(program, { workerData: data }));
    this.#idle = [...this.#workers];
    this.#vault = vault;
    this.#onBytes = onBytes;
  }

  /** At most `width` at the same time. */
  async perform(manifest: Manifest, job: PartJob, signal: AbortSignal): Promise<void> {
    const worker = this.#idle.pop()!;
    const dataKey = await openBackup(this.#vault, manifest).dataKey();
    const message: PartWorkerJob = { manifest: { ...manifest, parts: [] }, dataKey, job };
    await this.#exchange(worker, message, signal);
    this.#idle.push(worker);
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  async #exchange(worker: Worker, message: PartWorkerJob, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const stop = AbortSignal.any([signal, over.signal]);
    const died = once(worker, 'exit', { signal: over.signal }).then(([code]) => {
      throw new Error(`a part's worker ended with code ${code}`);
    });
    const answered = new Promise<void>((resolve, reject) => {
      worker.on('message', (answer: Answer) => {
        if ('bytes' in answer) this.#onBytes(answer.bytes);
        else if ('done' in answer) resolve();
        else reject(unpackFailure(answer.failure));
      });
      worker.once('error', reject);
      stop.addEventListener('abort', () => reject(stopped(message, signal)), { once: true });
    });
    worker.postMessage(message);
    try {
      await Promise.race([answered, died]);
    } finally {
      over.abort();
      worker.removeAllListeners('message').removeAllListeners('error');
      died.catch(() => undefined); // it is over either way
    }
  }
}

function stopped(message: PartWorkerJob, signal: AbortSignal): Error {
  if (signal.reason instanceof Error && signal.reason.name !== 'AbortError') return signal.reason;
  return new Aborted('the work was stopped', { operation: 'read part', subject: message.job.part.name });
}
