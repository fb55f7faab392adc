import { type StartOutcome, startLocalServer } from '#runtime/start-local-server';
import type { LocalRebuild } from './rebuild-work.ts';

/**
 * Start a server that lives on when the task has ended: whoever supervises the task ends all that have the task's own
 * variables in their environment.
 */
export function startForGood(work: LocalRebuild, waitMs: number): Promise<StartOutcome> {
  const { binDir, dataDir, account, environment, signal } = work;
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith('LIFEBOAT_'));
  return startLocalServer({ binDir, dataDir, account, environment: Object.fromEntries(kept), waitMs, signal });
}
