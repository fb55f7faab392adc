import { readMemory, rememberBefore, type StepMemory } from '#catalog/failover-records';
import { ResultMissing } from '#model/result-missing';
import type { ObjectStore } from '#store/object-store';

type Before = StepMemory['before'];

/**
 * What an execution's steps remember of what was before. Machines forget a name after 90 days and the bucket never does, so
 * what an older execution of the same name has left is none of ours: it says neither what was done nor what leads back.
 */
export interface StepMemories {
  /** undefined: the step never began */
  recall(execution: string, step: string): Promise<Before | undefined>;
  /** @throws ResultMissing when an older execution of that name is in the way */
  remember(execution: string, step: string, look: () => Promise<Before>): Promise<Before>;
}

/** How far the clocks of functions and machines may be apart. */
const clockSkewMs = 600_000;

/** `since`: when the execution began; undefined: whatever there is, is its own. */
export function stepMemories(store: ObjectStore, now: () => Date, since: Date | undefined): StepMemories {
  const isOlder = ({ at }: StepMemory): boolean =>
    since !== undefined && Date.parse(at) < since.getTime() - clockSkewMs;
  return {
    async recall(execution, step) {
      const memory = await readMemory(store, execution, step);
      return memory && !isOlder(memory) ? memory.before : undefined;
    },
    async remember(execution, step, look) {
      const memory = await rememberBefore(store, { execution, step, now: now() }, look);
      if (isOlder(memory)) throw ofAnotherExecution(memory);
      return memory.before;
    },
  };
}

const ofAnotherExecution = ({ execution, step, at }: StepMemory): ResultMissing =>
  new ResultMissing(`what ${step} remembers is of an execution of the same name before this one, of ${at}`, {
    operation: 'remember what was before',
    subject: execution,
    hint: 'nothing was done this time: start the machine again under another name',
  });
