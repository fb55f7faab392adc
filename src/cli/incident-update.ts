import { addToIncident } from '#catalog/incidents';
import { defineCommand } from '#cli/command';
import { describeIncident } from '#cli/describe-incident';
import {
  chosenIncident,
  describeTelling,
  exitCodeOfTelling,
  incidentArgument,
  parseSeverity,
  parseWords,
  speaker,
  speakerOptions,
  tellNow,
} from '#cli/speak-of-incident';
import { requireOpen } from '#model/incident';
import { incidentDefaults } from '#model/incident-settings';
import { openStoreAt } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'incident update',
  summary: 'tell everybody how it goes',
  help: `Tells the plan's channels what is new, with what is affected, when it should work again and when there is more news. The next
update is due as long after this one as the plan's updateEvery says.

--message is for colleagues; a status page only says that somebody works on it, unless --public says something for everybody.`,
  examples: ['lifeboat incident update --message "The restore is at 60%, two tables are checked"'],
  arguments: incidentArgument,
  options: {
    message: { flags: '--message <text>', summary: 'what is new', required: true, parse: parseWords(4_000) },
    public: { flags: '--public <text>', summary: 'the same for everybody, on status pages', parse: parseWords(2_000) },
    severity: {
      flags: '--severity <level>',
      summary: 'it is worse or less bad than was thought',
      parse: parseSeverity,
    },
    ...speakerOptions,
  },

  async run({ incident: asked, message, public: publicMessage, severity, as, state }, context) {
    const { plan: readPlan, environment, output } = context;
    const plan = await readPlan();
    const settings = plan.incidents ?? incidentDefaults;
    const store = await openStoreAt(plan.bucket, environment);
    const id = await chosenIncident(store, asked);
    const rule = severity && settings.severities[severity];
    const { incident } = await addToIncident(store, id, await speaker(context, as), (known) => {
      requireOpen(known);
      const changed = severity && rule ? { name: severity, rtoMs: rule.rtoMs, procedure: rule.procedure } : null;
      return { deed: 'updated', message, publicMessage: publicMessage ?? null, severity: changed };
    });
    const telling = await tellNow(context, state);
    const lines = [...describeIncident(incident, settings), ...describeTelling(telling, id)];
    output.print(lines.join('\n'), { ...incident, telling });
    return exitCodeOfTelling(telling);
  },
});
