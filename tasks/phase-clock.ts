export type RestorePhase = 'files' | 'replay' | 'checks';

/** How long the phases of a restore took, whether or not it came to its end. */
export class PhaseClock {
  readonly #took = { files: 0, replay: 0, checks: 0 };
  #phase: RestorePhase | undefined;
  #sinceMs = 0;

  /** The one under way; undefined before the first. */
  get phase(): RestorePhase | undefined {
    return this.#phase;
  }

  /** Ends the phase before. */
  begin(phase: RestorePhase): void {
    const nowMs = performance.now();
    if (this.#phase) this.#took[this.#phase] += nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
    this.#phase = phase;
  }

  /** Whole milliseconds, with what the phase under way took so far. */
  get durationsMs(): Record<RestorePhase, number> {
    if (this.#phase) this.begin(this.#phase);
    const { files, replay, checks } = this.#took;
    return { files: Math.round(files), replay: Math.round(replay), checks: Math.round(checks) };
  }
}
