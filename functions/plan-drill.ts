import { z } from 'zod';
import { readBackup } from '#catalog/backups';
import { chainRawBytes } from '#catalog/chain-bytes';
import { chooseSource } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import { readDrillInput, requesterOf } from '#model/machine-input';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { drillVolumeGiB } from '#model/volume-size';
import { atHand } from '#recovery/at-hand';
import { type DrillChoice, drillPoint } from '#recovery/drill-point';
import { gatherFacts } from '#recovery/gather-facts';
import { edge } from './edge.ts';

/** Which point of which source is restored for a look, and how large a volume that takes; a retry chooses the same. */
export const handler = edge({
  name: 'plan-drill',
  input: fields({ input: z.unknown(), execution: text("the execution's ARN") }),

  async run({ input, execution }, { plan, vault, now }) {
    const asked = readDrillInput(input);
    const source = chooseSource(plan, asked.source).name;
    const { backup } = asked;
    if (backup) await readBackup(vault.store, source, backup);
    const choice: DrillChoice = backup ? { backup } : { target: asked.target ?? 'newest', seed: execution };
    const facts = backup
      ? { source, backups: [], systems: new Map() }
      : await gatherFacts(vault, source, AbortSignal.timeout(870_000), 'catalog');
    const isRandom = 'target' in choice && choice.target === 'random';
    const point = drillPoint(isRandom ? atHand(facts, plan.storage.tiers, now()) : facts, choice);
    if (!point) throw new InputInvalid('source', source, 'one with a committed backup', 'take one: `lifeboat backup`');
    const rawBytes = await chainRawBytes(vault.store, source, point.backup, facts.backups);
    return { source, ...point, volumeGiB: drillVolumeGiB(rawBytes), requestedBy: requesterOf(asked) };
  },
});
