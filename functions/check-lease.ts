import { checkLease } from '#catalog/check-lease';
import { oneOf, text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { edge } from './edge.ts';

/** Nobody else does this work on this source: else LeaseHeld, which the machine waits out without a task that waits. */
export const handler = edge({
  name: 'check-lease',
  input: fields({
    source: text('the name of a source'),
    /** default: backup */
    work: oneOf(['backup', 'dump']).exactOptional(),
  }),

  async run({ source, work = 'backup' }, { vault, now }) {
    await checkLease(vault.store, source, work, now());
    return { source };
  },
});
