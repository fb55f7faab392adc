import type { ExecutionEnding, ExecutionFolders, ExecutionRecord } from './execution-folder.ts';
import type { LocalLog } from './local-log.ts';

/** What is known of each execution without a look at the disk. */
export interface ExecutionSummary {
  arn: string;
  machine: string;
  name: string;
  startDate: string;
  status: 'RUNNING' | ExecutionEnding['status'];
  stopDate: string | undefined;
}

export class ExecutionIndex {
  readonly #byArn = new Map<string, ExecutionSummary>();

  /** One that cannot be read is told and left out: it keeps nobody else from running. */
  static async read(folders: ExecutionFolders, log: LocalLog): Promise<ExecutionIndex> {
    const index = new ExecutionIndex();
    for (const place of await folders.list()) {
      try {
        const record = await folders.record(place);
        if (record) index.add(summaryOf(record, await folders.ending(place)));
      } catch (error) {
        log.error(`execution ${place.machine}/${place.name} cannot be read: ${(error as Error).message}`);
      }
    }
    return index;
  }

  add(summary: ExecutionSummary): void {
    this.#byArn.set(summary.arn, summary);
  }

  remove(arn: string): void {
    this.#byArn.delete(arn);
  }

  get(arn: string): ExecutionSummary | undefined {
    return this.#byArn.get(arn);
  }

  /** Newest first. Most have ended, and only what is asked for is put in order. */
  list(isWanted: (one: ExecutionSummary) => boolean = () => true): ExecutionSummary[] {
    const wanted = [...this.#byArn.values().filter(isWanted)];
    return wanted.sort((a, b) => compare(b.startDate, a.startDate) || compare(b.arn, a.arn));
  }
}

export const summaryOf = (
  { arn, machine, name, startDate }: ExecutionRecord,
  ending: ExecutionEnding | undefined,
): ExecutionSummary => ({
  arn,
  machine,
  name,
  startDate,
  status: ending?.status ?? 'RUNNING',
  stopDate: ending?.stopDate,
});

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
