import type { Plan } from '#model/plan';
import { planDigest } from '#model/plan-digest';
import { slackUrl } from '#stack/slack';

/** By the digest `lifeboat` knows whether the plan that lies beside it is the one that is deployed. */
export const outputsOfPlan = (text: string, { slack }: Pick<Plan, 'slack'>) => ({
  Outputs: {
    PlanDigest: { Description: 'SHA-256 of the plan that is deployed', Value: planDigest(text) },
    ...(slack && {
      SlackUrl: { Description: 'the Request URL of the Slack app, under Interactivity', Value: slackUrl },
    }),
  },
});
