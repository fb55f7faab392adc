import { describeStanding, drawStanding, type Standing } from '#cli/progress-line';
import { formatDuration } from '#model/duration';

export interface Progress {
  advance(bytes: number): void;
  /** the estimate has become better */
  expect(totalBytes: number): void;
  /** Tell what was done and stop. Again: nothing. */
  end(): void;
}

interface Screen {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

const redrawMs = 200;
const logMs = 10_000;
const toLineStart = '\r\x1b[K';

/** A bar redrawn in place on a terminal, a line every ten seconds elsewhere, nothing without a screen. */
export function createProgress(
  label: string,
  totalBytes: number | undefined,
  screen: Screen | undefined,
  unit?: string,
): Progress {
  const began = performance.now();
  const state = { doneBytes: 0, totalBytes, unit };
  const standing = (): Standing => ({ ...state, elapsedMs: performance.now() - began });
  const show = () =>
    screen?.isTTY
      ? screen.write(toLineStart + drawStanding(label, standing(), screen.columns ?? 80))
      : screen?.write(`${label}: ${describeStanding(standing())}\n`);
  const timer = screen ? setInterval(show, screen.isTTY ? redrawMs : logMs).unref() : undefined;
  let ended = false;
  return {
    advance(bytes) {
      state.doneBytes += bytes;
    },
    expect(bytes) {
      state.totalBytes = bytes;
    },
    end() {
      if (ended) return;
      ended = true;
      clearInterval(timer);
      if (state.doneBytes === 0 && totalBytes !== 0) {
        // it failed before it began: the failure says so, and a line of zeros says nothing
        if (screen?.isTTY) screen.write(toLineStart);
        return;
      }
      const total: Standing = { ...standing(), totalBytes: undefined };
      const line = `${label}: ${describeStanding(total)}, took ${formatDuration(total.elapsedMs)}\n`;
      screen?.write(screen.isTTY ? toLineStart + line : line);
    },
  };
}
