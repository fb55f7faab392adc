import { addToIncident } from '#catalog/incidents';
import { defineCommand } from '#cli/command';
import { describeIncident } from '#cli/describe-incident';
import {
  chosenIncident,
  describeTelling,
  exitCodeOfTelling,
  incidentArgument,
  speaker,
  speakerOptions,
  tellNow,
} from '#cli/speak-of-incident';
import { acknowledgement } from '#model/incident';
import { incidentDefaults } from '#model/incident-settings';
import { openStoreAt } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'incident ack',
  summary: 'say that you run it: nobody else is called',
  help: `From now on you run the incident: no further contact is called, and you are the one who is reminded of updates. Of two people
who say so at once one does; the other learns who, and the exit code is 7. --take-over says that you do in their place.`,
  examples: ['lifeboat incident ack', 'lifeboat incident ack 20261120-4f2a --as Ada --take-over'],
  arguments: incidentArgument,
  options: { takeOver: { flags: '--take-over', summary: 'in the place of who runs it now' }, ...speakerOptions },

  async run({ incident: asked, takeOver, as, state }, context) {
    const { plan: readPlan, environment, output } = context;
    const plan = await readPlan();
    const store = await openStoreAt(plan.bucket, environment);
    const id = await chosenIncident(store, asked);
    const person = await speaker(context, as);
    const { incident } = await addToIncident(store, id, person, (known) => acknowledgement(known, person.by, takeOver));
    const telling = await tellNow(context, state);
    const lines = [
      ...describeIncident(incident, plan.incidents ?? incidentDefaults),
      ...describeTelling(telling, id),
      `next: lifeboat incident update ${id} --message '…'`,
    ];
    output.print(lines.join('\n'), { ...incident, telling });
    return exitCodeOfTelling(telling);
  },
});
