import type { CommandContext } from '#cli/command';
import { shellWord } from '#notify/shell-word';

/** What leads another command to the same plan and the same stack: `before` its name, and `behind` its arguments. */
export function samePlace({ planPath, given }: Pick<CommandContext, 'planPath' | 'given'>) {
  const words = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [` --${name} ${shellWord(value)}`],
  );
  return { before: planPath === 'plan.yml' ? '' : `LIFEBOAT_PLAN=${shellWord(planPath)} `, behind: words.join('') };
}
