import type { BackupFact } from '#model/retention-facts';

/** What backups build on. */
export class BackupParents {
  readonly #byId: ReadonlyMap<string, BackupFact>;

  constructor(backups: readonly BackupFact[]) {
    this.#byId = new Map(backups.map((backup) => [backup.id, backup]));
  }

  /** The backup itself and all that it builds on, newest first, as far as they are there. */
  chainOf(backup: BackupFact): BackupFact[] {
    const chain = [backup];
    for (let parent = this.#parentOf(backup); parent; parent = this.#parentOf(parent)) chain.push(parent);
    return chain;
  }

  /** Whether everything is there that it builds on. */
  isWhole(backup: BackupFact): boolean {
    return this.chainOf(backup).at(-1)!.parent === null;
  }

  /** A parent is older than its child, and of the same system; anything else is none. */
  #parentOf({ id, parent, systemId }: BackupFact): BackupFact | undefined {
    const found = parent !== null && parent < id ? this.#byId.get(parent) : undefined;
    return found?.systemId === systemId ? found : undefined;
  }
}
