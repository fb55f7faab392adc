import { readFile, rename } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock } from './clock.ts';
import { replaceFile } from './durable-file.ts';
import type { LocalLog } from './local-log.ts';
import { type ScheduleState, scheduleStateSchema } from './schedule-state.ts';

/** What outlives the daemon of its schedules, by their names. */
export interface ScheduleStore {
  load(): Promise<Record<string, ScheduleState>>;
  /** Answers once it is durable. */
  save(states: Record<string, ScheduleState>): Promise<void>;
}

/**
 * `schedules.json` in the state directory, `{"format":"lifeboat-schedules/1","schedules":{…}}`. A file that cannot be
 * understood is set aside, not believed and not fatal: without it each schedule begins anew, and the names of the
 * executions keep what was started from starting again.
 */
export function scheduleFile(path: string, { clock, log }: { clock: Clock; log: LocalLog }): ScheduleStore {
  let newest: Record<string, ScheduleState> = {};
  let writing: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  const write = () => {
    waiting = undefined;
    return replaceFile(path, `${JSON.stringify({ format, schedules: newest }, undefined, 1)}\n`);
  };
  return {
    load: () => loadFile(path, clock, log),
    // each write replaces the whole file, so that all who come during one are served by the next
    save(states) {
      newest = states;
      if (waiting === undefined) {
        waiting = writing.then(write, write);
        writing = waiting;
      }
      return waiting;
    },
  };
}

const format = 'lifeboat-schedules/1';
const schema = z.object({ format: z.literal(format), schedules: z.record(z.string(), scheduleStateSchema) });

async function loadFile(path: string, clock: Clock, log: LocalLog): Promise<Record<string, ScheduleState>> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  try {
    return schema.parse(JSON.parse(content)).schedules;
  } catch {
    const aside = `${path}.damaged-${new Date(clock.now()).toISOString().replace(/[-:.]/g, '')}`;
    await rename(path, aside);
    log.error(`${path} cannot be understood: it is now ${aside}, and all schedules begin anew`);
    return {};
  }
}
