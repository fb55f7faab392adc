import type { CommandContext } from '#cli/command';
import { executionCommand, samePlace } from '#cli/same-place';
import type { Machines } from '#runtime/machines';

/** What is said of an execution that nobody waits for: by which command all of it is seen, the plan that it asks about, too. */
export function startedText(
  name: string,
  { kind }: Pick<Machines, 'kind'>,
  state: string | undefined,
  context: CommandContext,
): string {
  const command = executionCommand(name, samePlace(context, { kind, state }));
  return `started ${name}: how it goes, and the plan once it asks for a yes: ${command}`;
}
