import { describeTask } from '#cli/describe-progress';
import type { DaemonReport } from '#local/daemon-report';
import type { Machines } from '#runtime/machines';

const tellMs = 3_000;

/** What the tasks of an execution say as they work: one of them every three seconds, each in its turn. */
export class TaskProgress {
  readonly #machines: Machines;
  readonly #execution: string;
  /** what was told last by id, the longest ago first */
  readonly #told = new Map<string, string>();
  #nextAt = performance.now() + tellMs;

  constructor(machines: Machines, execution: string) {
    this.#machines = machines;
    this.#execution = execution;
  }

  /** `named`: with what each is about. undefined when it is too soon, nothing has changed, or tasks say what they do in their log alone: on AWS */
  async next({ named }: { named: boolean }): Promise<string | undefined> {
    if (this.#machines.kind !== 'daemon' || performance.now() < this.#nextAt) return undefined;
    const { tasks } = (await this.#machines.invoke('daemon-status', {})) as DaemonReport;
    this.#nextAt = performance.now() + tellMs;
    const own = tasks.filter(({ execution }) => execution === this.#execution);
    const turns = own.sort((a, b) => this.#turnOf(a.id) - this.#turnOf(b.id));
    for (const task of turns) {
      const text = describeTask(named ? task : { ...task, about: null });
      if (text === undefined || text === this.#told.get(task.id)) continue;
      this.#told.delete(task.id);
      this.#told.set(task.id, text);
      return text;
    }
    return undefined;
  }

  #turnOf(id: string): number {
    return [...this.#told.keys()].indexOf(id);
  }
}
