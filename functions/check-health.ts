import { brief } from '#model/brief';
import { chooseAny } from '#model/choose-source';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { checkHealth, type HealthResult } from '#runtime/check-health';
import { movingGroup } from '#runtime/moving-group';
import { edge } from './edge.ts';

/** One round of a group's health checks: asked again until all of them are well. */
export const handler = edge({
  name: 'check-health',
  input: fields({ group: text('the name of a group'), to: text('the name of a site') }),

  async run({ group: name, to }, world) {
    const { group } = movingGroup(world, name);
    const source = chooseAny(world.plan, group.source);
    const { environment } = world;
    const signal = AbortSignal.timeout(50_000);
    const checks = await Promise.all(
      group.health.map((check) => checkHealth(check, { group, site: to, source, environment, signal })),
    );
    // of what RDS runs we take no backups
    return brief({ ...outcomeOf(checks), backUp: world.plan.sources.some((one) => one.name === group.source) });
  },
});

/** Those that are not well come first: of many, only some fit into an answer. */
const outcomeOf = (checks: readonly HealthResult[]) => ({
  healthy: checks.every(({ ok }) => ok),
  total: checks.length,
  checks: [...checks.filter(({ ok }) => !ok), ...checks.filter(({ ok }) => ok)],
});
