import { watch } from 'node:fs';
import type { Clock } from './clock.ts';

/** Rings when something happens in the folder, and every second: not every file system tells what happens in it. */
export class FolderBell {
  #ring: () => void = () => undefined;
  #rang = false;
  readonly #close: () => void;

  constructor(folder: string) {
    try {
      const watcher = watch(folder, () => {
        this.#rang = true;
        this.#ring();
      });
      watcher.on('error', () => watcher.close());
      this.#close = () => watcher.close();
    } catch {
      this.#close = () => undefined; // the seconds have to do
    }
  }

  async wait(clock: Clock, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const rung = new Promise<void>((resolve) => {
      this.#ring = resolve;
    });
    if (!this.#rang) {
      const timer = clock.sleep(1000, AbortSignal.any([signal, over.signal])).catch(() => undefined); // told to stop
      await Promise.race([rung, timer]);
    }
    over.abort();
    this.#rang = false;
  }

  close(): void {
    this.#close();
  }
}
