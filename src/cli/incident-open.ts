import { readExposure } from '#catalog/exposure';
import { openIncident } from '#catalog/incidents';
import { defineCommand } from '#cli/command';
import { describeIncident, incidentJson } from '#cli/describe-incident';
import {
  describeTelling,
  exitCodeOfTelling,
  parseSeverity,
  parseWords,
  speaker,
  speakerOptions,
  tellNow,
} from '#cli/speak-of-incident';
import { chooseAny } from '#model/choose-source';
import { incidentOf } from '#model/incident';
import { incidentDefaults } from '#model/incident-settings';
import { openStoreAt } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'incident open',
  summary: 'tell everybody that something is broken',
  help: `Writes an incident down in the bucket and tells the plan's channels that hear of failures: what is affected, since when, what
is being done, when it should work again (by the severity, and by what drills of the source have measured) and when there is
more news. The contacts of the plan are called one after the other until somebody acknowledges it; whoever runs it is
reminded when an update is due. All of it is kept as evidence.

Title and impact are shown on status pages, which everybody may read: --private keeps the incident off them.`,
  examples: [
    'lifeboat incident open --severity SEV1 --title "Orders cannot be placed" --source orders',
    'lifeboat incident open --severity SEV3 --title "Rows are missing" --impact "invoices of May" --private',
  ],
  options: {
    severity: {
      flags: '--severity <level>',
      summary: 'SEV1 (worst) to SEV4; the plan says what each means',
      required: true,
      parse: parseSeverity,
    },
    title: {
      flags: '--title <text>',
      summary: 'what is broken, in a few words',
      required: true,
      parse: parseWords(200),
    },
    source: { flags: '--source <name>', summary: 'the source of the plan that it is about' },
    impact: { flags: '--impact <text>', summary: 'who notices what of it', parse: parseWords(2_000) },
    private: { flags: '--private', summary: 'nothing of it on status pages' },
    ...speakerOptions,
  },

  async run({ severity, title, source, impact, private: isPrivate, as, state }, context) {
    const { plan: readPlan, environment, output } = context;
    const plan = await readPlan();
    const settings = plan.incidents ?? incidentDefaults;
    const { rtoMs, procedure } = settings.severities[severity];
    const about = source === undefined ? null : chooseAny(plan, source, '--source').name;
    const store = await openStoreAt(plan.bucket, environment);
    // what was measured is worth saying, and not worth waiting for
    const measured = about === null ? undefined : await readExposure(store, about).catch(() => undefined);
    const opening = {
      ...{ severity: { name: severity, rtoMs, procedure }, title, source: about, impact: impact ?? null },
      ...{ measuredRtoMs: measured?.rto?.ms ?? null, isPublic: !isPrivate },
    };
    const entry = await openIncident(store, opening, await speaker(context, as));
    const telling = await tellNow(context, state);
    const lines = [
      ...describeIncident(incidentOf([entry]), settings),
      ...describeTelling(telling, entry.incident),
      `next: lifeboat incident ack ${entry.incident}`,
    ];
    output.print(lines.join('\n'), { ...incidentJson([entry]), telling });
    return exitCodeOfTelling(telling);
  },
});
