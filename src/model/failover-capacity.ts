import { z } from 'zod';
import { region } from '#model/failover-site';
import { type Kubernetes, kubernetes, kubernetesName } from '#model/kubernetes';
import { section, text, wholeNumber } from '#model/plan-field';

/** How much of something a site has: `active` while it has the primary, `idle` while it has not. */
export type Capacity = { site: string; active: number; idle: number } & (
  | { kind: 'file'; path: string }
  | { kind: 'ecs'; cluster: string; service: string; region: string }
  | { kind: 'autoscaling'; group: string; region: string }
  | { kind: 'deployment'; cluster: Kubernetes; namespace: string; name: string }
);

/** No number beside a capacity is larger: a mistake would be dear. */
const mostCapacity = 10_000;
const howMuch = {
  site: text('the name of a site'),
  active: wholeNumber(0, mostCapacity),
  idle: wholeNumber(0, mostCapacity).default(0),
};

export const capacity: z.ZodType<Capacity> = z.discriminatedUnion(
  'kind',
  [
    section({ kind: z.literal('file'), path: text('the path of a file'), ...howMuch }),
    section({
      kind: z.literal('ecs'),
      cluster: text("a cluster's name", /^[\w-]{1,255}$/),
      service: text("a service's name", /^[\w-]{1,255}$/),
      region: region(),
      ...howMuch,
    }),
    section({
      kind: z.literal('autoscaling'),
      group: text("an Auto Scaling group's name", /^[^\s:]{1,255}$/),
      region: region(),
      ...howMuch,
    }),
    section({
      kind: z.literal('deployment'),
      cluster: kubernetes,
      namespace: kubernetesName(),
      name: kubernetesName(),
      ...howMuch,
    }),
  ],
  {
    error: (issue) =>
      issue.code === 'invalid_union' ? 'one of file, ecs, autoscaling, deployment' : 'a map with kind, …',
  },
);
