import type { Manifest } from '#model/manifest';
import { openBackup, type Vault } from '#recovery/open-backup';
import type { PartRestorer } from '#recovery/restore-chain';
import type { PartJob } from '#recovery/restore-part';
import { JobProcess } from '#runtime/job-process';
import type { PartTarget, PartWork } from './part-worker.ts';

export interface PartWorkersOptions {
  width: number;
  vault: Vault;
  /** where the vault's store is, for the processes, which open it themselves */
  location: string;
  environment: Readonly<Record<string, string | undefined>>;
  target: PartTarget | undefined;
  /** raw bytes that were read */
  onBytes(bytes: number): void;
}

/** Processes that restore or verify parts side by side. Close it when that is over, however it ended. */
export class PartWorkers implements PartRestorer {
  readonly width: number;
  readonly #options: PartWorkersOptions;
  readonly #processes: JobProcess<PartWork>[];
  readonly #idle: JobProcess<PartWork>[];

  constructor(options: PartWorkersOptions) {
    const program = new URL('./part-worker.ts', import.meta.url);
    this.width = options.width;
    this.#options = options;
    this.#processes = Array.from({ length: options.width }, () => new JobProcess(program, options.environment));
    this.#idle = [...this.#processes];
  }

  /** At most `width` at the same time. */
  async perform(manifest: Manifest, job: PartJob, signal: AbortSignal): Promise<void> {
    const { vault, location, target, onBytes } = this.#options;
    const worker = this.#idle.pop()!;
    const dataKey = await openBackup(vault, manifest).dataKey();
    const work: PartWork = { location, manifest: { ...manifest, parts: [] }, dataKey, job, target };
    try {
      await worker.perform(work, `${manifest.backup}/${job.part.name}`, signal, onBytes);
    } finally {
      this.#idle.push(worker);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((worker) => worker.close()));
  }
}
