import type { Json } from './integration.ts';
import type { Exit } from './journal-record.ts';
import { runStates } from './run-states.ts';
import { runTogether } from './run-together.ts';
import { checkSize, leave, type Visit, value } from './state-visit.ts';

/** All branches at the same time, each with its own copy of the input: the list of their outputs. */
export async function runParallel(visit: Visit): Promise<Exit> {
  const { run, scope, key, log, state, variables } = visit;
  const branches = state.Branches!;
  if (!log.attempt.opened) {
    scope.signal.throwIfAborted();
    const given = state.Arguments === undefined ? visit.input : await value(visit, state.Arguments, 'Arguments');
    checkSize(visit, given);
    run.append({ type: 'opened', key, state: state.Type, items: [given] });
  }
  const outputs: Json[] = new Array(branches.length);
  await runTogether(visit, {
    count: branches.length,
    width: branches.length,
    tolerates: () => false,
    wasBegun: () => true,
    async run(index, inner) {
      const branch = { run, definition: branches[index]!, variables, context: scope.context, ...inner };
      outputs[index] = await runStates(branch, structuredClone(log.attempt.opened!.items[0]!));
    },
  });
  if (!log.attempt.succeeded) run.append({ type: 'succeeded', key });
  checkSize(visit, outputs);
  return leave(visit, { ...state, next: state.Next }, outputs, { result: outputs });
}
