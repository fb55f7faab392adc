import { z } from 'zod';
import { chooseSource } from '#model/choose-source';
import { readBackupInput, requesterOf } from '#model/machine-input';
import { fields } from '#model/read-input';
import { edge } from './edge.ts';

/** What is to be backed up, from what the machine was started with: `{}`, `{"source":"main","type":"incremental"}`. */
export const handler = edge({
  name: 'plan-backup',
  input: fields({ input: z.unknown() }),

  async run({ input }, { plan }) {
    const asked = readBackupInput(input);
    const sources = asked.source === undefined ? plan.sources : [chooseSource(plan, asked.source)];
    const kind = asked.type === 'incremental' ? 'incr' : 'full';
    return { requestedBy: requesterOf(asked), items: sources.map(({ name }) => ({ source: name, kind })) };
  },
});
