import { readProjection } from '#catalog/change-projection';
import { readIncident } from '#catalog/incidents';
import { openIncidents } from '#catalog/open-incidents';
import { defineCommand } from '#cli/command';
import { describeEntries, describeIncident, describeUntold, incidentJson } from '#cli/describe-incident';
import { chosenIncident, incidentArgument } from '#cli/speak-of-incident';
import { incidentOf } from '#model/incident';
import { incidentDefaults } from '#model/incident-settings';
import { openStoreAt } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'incident show',
  summary: 'tell all of one incident',
  help: `Where it stands, everything that was said of it, oldest first, and which channel did not take what the last try told. The
exit code is 9 when there is such a one.`,
  examples: ['lifeboat incident show', 'lifeboat incident show 20261120-4f2a --json'],
  arguments: incidentArgument,

  async run({ incident: asked }, { plan: readPlan, environment, output }) {
    const plan = await readPlan();
    const store = await openStoreAt(plan.bucket, environment);
    const id = await chosenIncident(store, asked);
    const entries = await readIncident(store, id);
    const { open } = await readProjection(store, openIncidents);
    const listed = open.find(({ incident }) => incident === id);
    const untold = describeUntold(listed);
    const lines = [
      ...describeIncident(incidentOf(entries), plan.incidents ?? incidentDefaults),
      '',
      ...describeEntries(entries),
      ...untold,
    ];
    output.print(lines.join('\n'), {
      ...incidentJson(entries),
      told: listed?.told ?? null,
      untold: listed?.untold ?? [],
    });
    return untold.length === 0 ? 0 : 9;
  },
});
