import { planDigest } from '#model/plan-digest';

/** By it `lifeboat` knows whether the plan that lies beside it is the one that is deployed. */
export const outputsOfPlan = (text: string) => ({
  Outputs: { PlanDigest: { Description: 'SHA-256 of the plan that is deployed', Value: planDigest(text) } },
});
