import { requiredBy } from '#model/approval-rules';
import { formatDuration } from '#model/duration';
import type { Notification } from '#model/notification';
import type { Plan } from '#model/plan';
import { type Item, type Section, sectionOf } from '#runbook/page';

/** Who may say yes, who hears of it by itself, and who has to be told: by the plan. `asks`: what of it waits for an answer. */
export function peopleSections(plan: Plan | undefined, asks: readonly string[]): Section[] {
  if (!plan) return [];
  return [
    ...(asks.length === 0 ? [] : sectionOf('approve', 'Who may say yes', approveItems(plan, asks))),
    ...sectionOf('tell', 'Who must be told', tellItems(plan)),
  ];
}

function approveItems(plan: Plan, asks: readonly string[]): Item[] {
  const { approvers, fourEyes, approvals } = plan;
  const who = approvers.map(({ name, email }) => (email === undefined ? name : `${name} (${email})`));
  const needed = Math.max(...asks.map((machine) => requiredBy(machine, plan)));
  return [
    { text: who.length === 0 ? 'The plan names nobody: whoever may reach what runs the plan.' : `${who.join(', ')}.` },
    ...(needed > 1 ? [{ text: `${needed} different people have to say yes; one no ends it.` }] : []),
    ...(fourEyes ? [{ text: 'Never who asked for it (four eyes).' }] : []),
    ...(approvals.reason === 'required' ? [{ text: 'An answer needs a reason: --reason.' }] : []),
  ];
}

function tellItems({ notifications, incidents }: Plan): Item[] {
  const byItself = notifications.map((channel) => ({
    text: `By itself: ${describeChannel(channel)}, of ${channel.on.join(', ')}.`,
  }));
  const called = (incidents?.contacts ?? []).map(({ name, afterMs }) => ({
    text: `${name}, ${afterMs === 0 ? 'at once' : `${formatDuration(afterMs)} after it was opened, while nobody has acknowledged`}.`,
  }));
  return [
    ...(byItself.length === 0
      ? [{ text: 'The plan has no notifications: NOBODY hears of anything by itself. Call people.' }]
      : byItself),
    ...called,
    {
      text: 'Those whose applications stand still, and those whose data it is: now, then every half hour, then at the end.',
    },
    {
      text: '`lifeboat incident open --severity SEV1 --title TEXT` tells all of the above at once, and reminds you of the next update.',
    },
  ];
}

/** Without what is secret. */
function describeChannel(channel: Notification): string {
  switch (channel.kind) {
    case 'email':
      return `mail to ${channel.to.join(', ')}`;
    case 'sns':
      return `SNS ${channel.topicArn.split(':').at(-1)}`;
    case 'statuspage':
      return `the status page ${channel.pageId}, which everybody may read`;
    case 'slack':
      return 'Slack';
    case 'webhook':
      return 'a webhook';
  }
}
