import { followEntries, listIncidents, listOpenIncidents } from '#catalog/incidents';
import { defineCommand } from '#cli/command';
import { formatTable } from '#cli/format-table';
import { type Incident, incidentOf, runnerOf } from '#model/incident';
import { oneLine } from '#model/plain-text';
import { openStoreAt } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'incident list',
  summary: 'list the incidents that are open',
  help: 'Those that are open, oldest first: how bad, since when, who runs it. --all lists those that are resolved, too.',
  examples: ['lifeboat incident list', 'lifeboat incident list --all --json'],
  options: { all: { flags: '--all', summary: 'also those that are resolved' } },

  async run({ all }, { plan, environment, output }) {
    const store = await openStoreAt((await plan()).bucket, environment);
    const found = all
      ? await Promise.all((await listIncidents(store)).map((id) => followEntries(store, id)))
      : (await listOpenIncidents(store)).map(({ entries }) => entries);
    const incidents = found
      .filter((entries) => entries.length > 0)
      .map(incidentOf)
      .filter(({ resolved }) => all || resolved === null);
    const text =
      incidents.length === 0
        ? 'no incident is open'
        : formatTable([['INCIDENT', 'SEVERITY', 'SINCE', 'RUN BY', 'STATE', 'TITLE'], ...incidents.map(row)]);
    output.print(text, { incidents });
  },
});

const row = (incident: Incident): string[] => [
  incident.id,
  incident.severity.name,
  incident.opened.at,
  incident.acknowledged ? oneLine(runnerOf(incident)) : 'nobody',
  incident.resolved ? 'resolved' : 'open',
  oneLine(incident.title),
];
