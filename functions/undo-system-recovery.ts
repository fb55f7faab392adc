import { readMemory } from '#catalog/failover-records';
import { chooseSystem } from '#model/choose-system';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { RecoveringSystem } from '#runtime/recovering-system';
import { stopRestoredServer } from '#runtime/restored-server';
import { edge } from './edge.ts';

/**
 * As it was before this execution: restored servers that it started are stopped, so that nobody takes them for the old ones;
 * settings and applications are put back. What was restored stays where it lies. Called again until `settled`.
 */
export const handler = edge({
  name: 'undo-system-recovery',
  input: fields({ execution: text("the execution's ARN"), system: text('the name of a system') }),

  async run({ execution, system: name }, world) {
    const system = chooseSystem(world.plan, name);
    const signal = AbortSignal.timeout(170_000);
    const stopped: string[] = [];
    for (const { source, to } of system.sources.toReversed()) {
      const begun = await readMemory(world.vault.store, execution, `server-${source}`);
      if (begun && (await stopRestoredServer(to, signal))) stopped.push(source);
    }
    const put = await new RecoveringSystem(system, world, { execution, signal }).undo();
    return { ...put, stopped };
  },
});
