import { z } from 'zod';
import { values } from '#model/failover-names';
import { region } from '#model/failover-site';
import { type Kubernetes, kubernetes, kubernetesName } from '#model/kubernetes';
import { section, text } from '#model/plan-field';

/** What applications are configured with, and follows the primary; `values` has one for each site. */
export type MovedSetting = {
  values: Record<string, string>;
  /** where it lies: when that site is gone with its region, the move goes on without it; absent: it has to be moved */
  site?: string;
} & (
  | { kind: 'file'; path: string }
  | { kind: 'ssm'; parameter: string; region: string }
  /** a field of a secret's JSON; the values are no secrets: a host, a URL */
  | { kind: 'secret'; secret: string; field: string; region: string }
  | { kind: 'configmap'; cluster: Kubernetes; namespace: string; name: string; key: string }
);

const ofSite = () => text('the name of a site').exactOptional();

export const movedSetting: z.ZodType<MovedSetting> = z.discriminatedUnion(
  'kind',
  [
    section({ kind: z.literal('file'), path: text('the path of a file'), values: values(), site: ofSite() }),
    section({
      kind: z.literal('ssm'),
      parameter: text('the name of a parameter', /^\/?[\w.-]+(\/[\w.-]+)*$/),
      region: region(),
      values: values(),
      site: ofSite(),
    }),
    section({
      kind: z.literal('secret'),
      secret: text("a secret's name", /^[\w/+=.@-]{1,512}$/),
      field: text('the name of a field of its JSON', /^\S{1,100}$/),
      region: region(),
      values: values(),
      site: ofSite(),
    }),
    section({
      kind: z.literal('configmap'),
      cluster: kubernetes,
      namespace: kubernetesName(),
      name: kubernetesName(),
      key: text('a key of a ConfigMap', /^[\w.-]{1,253}$/),
      values: values(),
      site: ofSite(),
    }),
  ],
  { error: (issue) => (issue.code === 'invalid_union' ? 'one of file, ssm, secret, configmap' : 'a map with kind, …') },
);
