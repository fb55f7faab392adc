import { z } from 'zod';
import { readBackup } from '#catalog/backups';
import { chooseSource } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import { readDrillInput, requesterOf } from '#model/machine-input';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { type DrillChoice, drillPoint } from '#recovery/drill-point';
import { gatherFacts } from '#recovery/gather-facts';
import { edge } from './edge.ts';

/** Which point of which source is restored for a look; a retry chooses the same. */
export const handler = edge({
  name: 'plan-drill',
  input: fields({ input: z.unknown(), execution: text("the execution's ARN") }),

  async run({ input, execution }, { plan, vault }) {
    const asked = readDrillInput(input);
    const source = chooseSource(plan, asked.source).name;
    const { backup } = asked;
    if (backup) await readBackup(vault.store, source, backup);
    const choice: DrillChoice = backup ? { backup } : { target: asked.target ?? 'newest', seed: execution };
    const facts = backup
      ? { source, backups: [], systems: new Map() }
      : await gatherFacts(vault, source, AbortSignal.timeout(870_000), 'catalog');
    const point = drillPoint(facts, choice);
    if (point) return { source, ...point, requestedBy: requesterOf(asked) };
    throw new InputInvalid('source', source, 'one with a committed backup', 'take one: `lifeboat backup`');
  },
});
