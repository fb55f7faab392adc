import { z } from 'zod';
import { chooseSource } from '#model/choose-source';
import { readRestoreInput, requesterOf } from '#model/machine-input';
import { oneLine } from '#model/plain-text';
import { fields } from '#model/read-input';
import { checkPlaces, restoreRequest } from '#model/restore-request';
import { restoreVolumeGiB } from '#model/volume-size';
import { prepareApproval } from '#recovery/prepare-approval';
import { edge } from './edge.ts';

/** The plan that somebody is asked to approve, and the request that leads to it again and to no other. */
export const handler = edge({
  name: 'plan-restore',
  input: fields({ input: z.unknown() }),

  async run({ input }, { plan, vault, environment }) {
    const asked = readRestoreInput(input);
    const { name } = chooseSource(plan, asked.source);
    const wanted = restoreRequest(name, asked);
    checkPlaces(wanted, environment.LIFEBOAT_RESTORE_VOLUME);
    const prepared = await prepareApproval(vault, wanted, AbortSignal.timeout(870_000));
    const { request, planHash, planText, decided, rawBytes } = prepared;
    return {
      source: name,
      request,
      planHash,
      planText: withReason(planText, asked.reason),
      decided,
      volumeGiB: restoreVolumeGiB(rawBytes),
      requestedBy: requesterOf(asked),
      reason: asked.reason ?? null,
    };
  },
});

const withReason = (planText: string, reason: string | undefined): string =>
  reason === undefined ? planText : `${planText}\n  because      ${oneLine(reason)}`;
