import { chooseSource } from '#model/choose-source';
import { chooseSystem } from '#model/choose-system';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { systemSite } from '#model/recovery-system';
import { checkHealth } from '#runtime/check-health';
import { edge } from './edge.ts';

/** One round of a system's health checks. What cannot be asked is not healthy. */
export const handler = edge({
  name: 'check-system-health',
  input: fields({ system: text('the name of a system') }),

  async run({ system }, { plan, environment }) {
    const signal = AbortSignal.timeout(50_000);
    const checks = await Promise.all(
      chooseSystem(plan, system).health.map(({ check, source, connection }) => {
        const own = { name: check.name, ...(connection === undefined ? {} : { connection }) };
        const asked = source === undefined ? own : chooseSource(plan, source);
        return checkHealth(check, { site: systemSite, source: asked, environment, signal });
      }),
    );
    return { healthy: checks.every(({ ok }) => ok), checks };
  },
});
