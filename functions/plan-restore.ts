import { z } from 'zod';
import { chooseSource } from '#model/choose-source';
import { readRestoreInput, requesterOf } from '#model/machine-input';
import { fields } from '#model/read-input';
import { restoreRequest } from '#model/restore-request';
import { prepareApproval } from '#recovery/prepare-approval';
import { edge } from './edge.ts';

/** The plan that somebody is asked to approve, and the request that leads to it again and to no other. */
export const handler = edge({
  name: 'plan-restore',
  input: fields({ input: z.unknown() }),

  async run({ input }, { plan, vault }) {
    const asked = readRestoreInput(input);
    const { name } = chooseSource(plan, asked.source);
    const prepared = await prepareApproval(vault, restoreRequest(name, asked), AbortSignal.timeout(870_000));
    const { request, planHash, planText, decided } = prepared;
    return {
      source: name,
      request,
      planHash,
      planText: asked.reason === undefined ? planText : `${planText}\n  because      ${asked.reason}`,
      decided,
      requestedBy: requesterOf(asked),
      reason: asked.reason ?? null,
    };
  },
});
