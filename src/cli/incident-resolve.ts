import { addToIncident } from '#catalog/incidents';
import { defineCommand } from '#cli/command';
import { describeIncident } from '#cli/describe-incident';
import {
  chosenIncident,
  describeTelling,
  exitCodeOfTelling,
  incidentArgument,
  parseWords,
  speaker,
  speakerOptions,
  tellNow,
} from '#cli/speak-of-incident';
import { requireOpen } from '#model/incident';
import { incidentDefaults } from '#model/incident-settings';
import { openStoreAt } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'incident resolve',
  summary: 'tell everybody that it works again',
  help: `Ends the incident: everybody who heard of it, and whoever was called, is told what was done, how long it lasted, and whether
that is within what its severity promises. Status pages show it as resolved, with what --public says. After that nobody is
reminded or called, and nothing more can be said of it: something new is a new incident.`,
  examples: ['lifeboat incident resolve --message "Restored to 14:02, all checks agree" --public "Orders work again."'],
  arguments: incidentArgument,
  options: {
    message: { flags: '--message <text>', summary: 'what was done', required: true, parse: parseWords(4_000) },
    public: { flags: '--public <text>', summary: 'the same for everybody, on status pages', parse: parseWords(2_000) },
    ...speakerOptions,
  },

  async run({ incident: asked, message, public: publicMessage, as, state }, context) {
    const { plan: readPlan, environment, output } = context;
    const plan = await readPlan();
    const store = await openStoreAt(plan.bucket, environment);
    const id = await chosenIncident(store, asked);
    const { incident } = await addToIncident(store, id, await speaker(context, as), (known) => {
      requireOpen(known);
      return { deed: 'resolved', message, publicMessage: publicMessage ?? null };
    });
    const telling = await tellNow(context, state);
    const lines = [...describeIncident(incident, plan.incidents ?? incidentDefaults), ...describeTelling(telling, id)];
    output.print(lines.join('\n'), { ...incident, telling });
    return exitCodeOfTelling(telling);
  },
});
