import { checkLease } from '#catalog/check-lease';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { edge } from './edge.ts';

/** Nobody else backs this source up: else LeaseHeld, which the machine waits out without a task that waits. */
export const handler = edge({
  name: 'check-lease',
  input: fields({ source: text('the name of a source') }),

  async run({ source }, { vault, now }) {
    await checkLease(vault.store, source, 'backup', now());
    return { source };
  },
});
