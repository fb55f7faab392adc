import { holdLease } from '#catalog/execution-lease';
import { readMemory, rememberBefore } from '#catalog/failover-records';
import { releaseLeaseOf } from '#catalog/release-lease';
import { TrafficNotMoved } from '#failover/failures';
import type { Movable } from '#failover/movable';
import { ServerUnsuitable } from '#model/failure';
import { type RecoverySystem, systemSite } from '#model/recovery-system';
import type { FunctionWorld } from '#runtime/function-world';
import { openCapacity, openSetting } from '#runtime/open-movables';
import { thisProcess } from '#runtime/this-process';

/** What stands on the sources of a system: an application's capacity, or a setting, and what it shall be. */
interface Part {
  movable: Movable;
  wanted: string;
}

export interface Put {
  /** whether everybody sees it; else ask again */
  settled: boolean;
  moved: { what: string; before: string | null; after: string | null }[];
  /** what is waited for */
  waitsFor: string | null;
}

type Step = 'applications' | 'settings';

/** One step may be a restore (statemachines/system-recovery.asl.json); what has ended keeps nobody out (take-moving-lease.ts). */
const restoreMs = 3 * 24 * 3600_000;

/**
 * The applications and settings of a system, as one execution of a recovery changes them. Every method may be called again, after
 * a kill too: it puts the same once more, and goes on where it was.
 */
export class RecoveringSystem {
  readonly #system: RecoverySystem;
  readonly #world: Pick<FunctionWorld, 'vault' | 'environment' | 'now'>;
  readonly #execution: string;
  readonly #signal: AbortSignal;

  constructor(
    system: RecoverySystem,
    world: Pick<FunctionWorld, 'vault' | 'environment' | 'now'>,
    { execution, signal }: { execution: string; signal: AbortSignal },
  ) {
    this.#system = system;
    this.#world = world;
    this.#execution = execution;
    this.#signal = signal;
  }

  /** Nobody else recovers or moves one of these sources meanwhile. @throws LeaseHeld */
  async hold(): Promise<void> {
    const { vault, now } = this.#world;
    const holder = { execution: this.#execution, ...thisProcess(), now: now(), durationMs: restoreMs };
    for (const { source } of this.#system.sources) await holdLease(vault.store, source, 'failover', holder);
  }

  async release(): Promise<void> {
    const { vault, now } = this.#world;
    const holder = { execution: this.#execution, now: now() };
    for (const { source } of this.#system.sources) await releaseLeaseOf(vault.store, source, 'failover', holder);
  }

  /** Whether all of it could be put, without putting it. @throws ServerUnsuitable with everything that stands against it */
  async check(): Promise<void> {
    const parts = [...(await this.#applications('started')), ...(await this.#settings())];
    const found = await Promise.all(
      parts.map(async ({ movable }) =>
        (await movable.check(this.#signal)).map((problem) => `${movable.what}: ${problem}`),
      ),
    );
    const problems = found.flat();
    if (problems.length === 0) return;
    throw new ServerUnsuitable(`${this.#system.name} could not be recovered: ${problems.join('; ')}`, {
      operation: 'check system',
      subject: this.#system.name,
      hint: 'nothing was touched: make this possible, or change the plan, and start the recovery again',
    });
  }

  /** In the plan's order, or the other way round; each is there before the next one. */
  async putApplications(to: 'stopped' | 'started'): Promise<Put> {
    return this.#put('applications', await this.#applications(to));
  }

  async putSettings(): Promise<Put> {
    return this.#put('settings', await this.#settings());
  }

  /** Settings, then applications as they were before this execution; nothing of what it has not begun with. */
  async undo(): Promise<Put> {
    const settings = await this.#undo('settings', await this.#settings());
    if (!settings.settled) return settings;
    const applications = await this.#undo('applications', await this.#applications('started'));
    return { ...applications, moved: [...settings.moved, ...applications.moved] };
  }

  async #put(step: Step, parts: readonly Part[]): Promise<Put> {
    await this.hold();
    const { before } = await this.#remember(step, parts);
    return this.#move(
      parts.map(({ movable, wanted }) => ({ movable, before: valueIn(before, movable), after: wanted })),
    );
  }

  async #undo(step: Step, parts: readonly Part[]): Promise<Put> {
    const memory = await readMemory(this.#world.vault.store, this.#execution, step);
    if (!memory) return { settled: true, moved: [], waitsFor: null };
    await this.hold();
    return this.#move(
      parts.map(({ movable, wanted }) => ({ movable, before: wanted, after: valueIn(memory.before, movable) })),
    );
  }

  /** What may pass is asked again as what takes its time is. */
  async #move(changes: { movable: Movable; before: string | null; after: string | null }[]): Promise<Put> {
    const moved: Put['moved'] = [];
    for (const { movable, before, after } of changes) {
      const { what } = movable;
      try {
        const change = await movable.put(after, this.#signal);
        moved.push({ what, before, after });
        if (change !== null && !(await movable.settled(change, this.#signal)))
          return { settled: false, moved, waitsFor: what };
      } catch (failure) {
        if (!(failure instanceof TrafficNotMoved)) throw failure;
        return { settled: false, moved, waitsFor: `${what}: ${failure.message}` };
      }
    }
    return { settled: true, moved, waitsFor: null };
  }

  #remember(step: Step, parts: readonly Part[]) {
    const { vault, now } = this.#world;
    return rememberBefore(vault.store, { execution: this.#execution, step, now: now() }, async () => {
      const values = parts.map(async ({ movable }) => [movable.what, { value: await movable.read(this.#signal) }]);
      return Object.fromEntries(await Promise.all(values));
    });
  }

  async #applications(to: 'stopped' | 'started'): Promise<Part[]> {
    const parts = await Promise.all(
      this.#system.applications.map(async (one) => ({
        movable: await openCapacity({ ...one, site: systemSite }, this.#world.environment),
        wanted: String(to === 'started' ? one.active : one.idle),
      })),
    );
    return to === 'started' ? parts : parts.toReversed();
  }

  #settings(): Promise<Part[]> {
    const parts = this.#system.settings.map(async ({ value, ...one }) => ({
      movable: await openSetting({ ...one, values: { [systemSite]: value } }, this.#world.environment),
      wanted: value,
    }));
    return Promise.all(parts);
  }
}

function valueIn(before: Record<string, Record<string, unknown>>, { what }: Movable): string | null {
  const { value } = before[what] ?? {};
  return typeof value === 'string' ? value : null;
}
