import { resolve } from 'node:path';
import type { CommandContext } from '#cli/command';
import { shellWord } from '#notify/shell-word';
import { stateDirectoryOf } from '#runtime/daemon-endpoint';

/** What leads another command to the same plan, and the same stack or daemon, from any terminal of this machine. */
export interface SamePlace {
  /** stands before its name */
  before: string;
  /** stands behind its arguments */
  behind: string;
}

/** `kind`: who runs the plan; undefined: nobody does, or nobody knows. `state`: --state, as given */
export function samePlace(
  context: Pick<CommandContext, 'planPath' | 'given' | 'cwd' | 'environment'>,
  { kind, state }: { kind: 'daemon' | 'stack' | undefined; state: string | undefined },
): SamePlace {
  const { planPath, given, cwd, environment } = context;
  // beside --state a stack is not asked, so it is only said where a daemon answers
  const elsewhere = kind === 'daemon' && (state !== undefined || Boolean(environment.LIFEBOAT_STATE));
  const words = { ...given, state: elsewhere ? stateDirectoryOf(state, context) : undefined };
  const behind = Object.entries(words).flatMap(([name, value]) =>
    value === undefined ? [] : [` --${name} ${shellWord(value)}`],
  );
  return {
    before: planPath === defaultPlan ? '' : `LIFEBOAT_PLAN=${shellWord(resolve(cwd, planPath))} `,
    behind: behind.join(''),
  };
}

/** Who says no plan means the one in the working directory. */
export const defaultPlan = 'plan.yml';

/** Tells one execution in full: what it asks, and how it goes. */
export const executionCommand = (name: string, { before, behind }: SamePlace): string =>
  `${before}lifeboat executions ${shellWord(name)}${behind}`;
