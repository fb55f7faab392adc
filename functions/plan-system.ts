import { z } from 'zod';
import { chooseSystem, sourceOfSystem } from '#model/choose-system';
import { readSystemRecoveryInput, requesterOf } from '#model/machine-input';
import { fields } from '#model/read-input';
import { checkPlaces } from '#model/restore-request';
import { restoreVolumeGiB } from '#model/volume-size';
import { prepareSystem, sourceRequest } from '#recovery/prepare-system';
import { RecoveringSystem } from '#runtime/recovering-system';
import { edge } from './edge.ts';

/** The plan of a whole system that somebody is asked to approve: each source's own, pinned, in the order of their restores. */
export const handler = edge({
  name: 'plan-system',
  input: fields({ input: z.unknown() }),

  async run({ input }, world) {
    const { plan, vault, environment, now } = world;
    const asked = readSystemRecoveryInput(input);
    const system = chooseSystem(plan, asked.system);
    for (const one of system.sources) checkPlaces(sourceRequest(one), environment.LIFEBOAT_RESTORE_VOLUME);
    const signal = AbortSignal.timeout(870_000);
    await new RecoveringSystem(system, world, { execution: '', signal }).check();
    const target = { time: asked.time, reason: asked.reason };
    const { sources, planHash, planText } = await prepareSystem(vault, system, target, { signal, now: now() });
    return {
      system: system.name,
      sources: sources.map(({ source, request, planHash, decided, rawBytes, estimate }) => ({
        source,
        request,
        planHash,
        decided,
        volumeGiB: restoreVolumeGiB(rawBytes),
        estimatedMs: estimate.ms,
        start: sourceOfSystem(system, source).start !== undefined,
      })),
      planHash,
      planText,
      healthyWithinSeconds: Math.ceil(system.healthyWithinMs / 1000),
      requestedBy: requesterOf(asked),
      reason: asked.reason ?? null,
    };
  },
});
