import { rememberBefore } from '#catalog/failover-records';
import { chooseSystem, sourceOfSystem } from '#model/choose-system';
import { InputInvalid } from '#model/failure';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { RecoveringSystem } from '#runtime/recovering-system';
import { startRestoredServer } from '#runtime/restored-server';
import { edge } from './edge.ts';

/** Start the server of a source that this execution restored, on this machine, for good. @throws RestoreFailed when it does not come up */
export const handler = edge({
  name: 'start-restored-server',
  input: fields({
    execution: text("the execution's ARN"),
    system: text('the name of a system'),
    source: text('the name of a source'),
  }),

  async run({ execution, system: name, source }, world) {
    const { plan, vault, environment, now } = world;
    const system = chooseSystem(plan, name);
    const { to, start } = sourceOfSystem(system, source);
    if (!start) throw new InputInvalid('source', source, 'one whose server is started by the plan');
    const signal = AbortSignal.timeout(170_000);
    await new RecoveringSystem(system, world, { execution, signal }).hold();
    await rememberBefore(vault.store, { execution, step: `server-${source}`, now: now() }, async () => ({
      [source]: { dataDir: to },
    }));
    const { port, address } = await startRestoredServer(to, start, { environment, signal });
    return { source, dataDir: to, port, address };
  },
});
