import { runningNow } from '#cli/asking-now';
import { defineCommand } from '#cli/command';
import { describeGroup } from '#cli/describe-group';
import { gatherGroup } from '#cli/gather-group';
import { primariesOf } from '#cli/group-report';
import { stateOption } from '#cli/open-machines';
import { samePlace } from '#cli/same-place';
import { chooseGroup } from '#model/choose-group';
import { openStoreAt } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'groups',
  summary: 'how the sites of each failover group are now',
  help: `For each group of the plan, or one: where the primary is, how far behind the standby is, whether a site is fenced, to where
names and settings lead at this moment, how much capacity there is, who moves it, and what waits for an answer.

It looks from where it runs, with the account and credentials that it has there; on AWS what the stack sees may differ, and
\`lifeboat status\` tells that. Nothing is changed. The exit code is 9 when a group has no primary, or two.`,
  examples: ['lifeboat groups', 'lifeboat groups shop --json'],
  arguments: { group: { summary: 'only this one', optional: true } },

  options: { state: stateOption },

  async run({ group, state }, context) {
    const plan = await context.plan();
    const groups = group === undefined ? plan.failover : [chooseGroup(plan, group)];
    const store = await openStoreAt(plan.bucket, context.environment);
    const running = await runningNow(context, state);
    const reports = await Promise.all(groups.map((one) => gatherGroup(one, store, running, context)));
    const place = samePlace(context, { kind: running?.kind, state });
    const text = reports.map((report) => describeGroup(report, context.now(), place)).join('\n');
    context.output.print(text || 'the plan has no section failover', reports);
    return reports.every((report) => primariesOf(report).length === 1) ? 0 : 9;
  },
});
