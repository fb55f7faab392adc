import type { Clock } from './clock.ts';
import type { LocalLog } from './local-log.ts';

/** When what all need is down, thousands of things fail alike: one line a minute tells it, and how many there were. */
export class Complaints {
  readonly #clock: Clock;
  readonly #log: LocalLog;
  readonly #said = new Map<string, { at: number; unsaid: number }>();

  constructor({ clock, log }: { clock: Clock; log: LocalLog }) {
    this.#clock = clock;
    this.#log = log;
  }

  /** `about`: of what there is one line a minute */
  say(about: string, message: string): void {
    const now = this.#clock.now();
    const said = this.#said.get(about);
    if (said && Math.abs(now - said.at) < 60_000) {
      said.unsaid++;
      return;
    }
    const more = said?.unsaid ? ` (${said.unsaid} like it were not told)` : '';
    this.#said.set(about, { at: now, unsaid: 0 });
    this.#log.warn(`${about}: ${message}${more}`);
  }
}
