import { z } from 'zod';
import { region } from '#model/failover-site';
import { secret, section, text } from '#model/plan-field';
import type { SecretReference } from '#model/secret-reference';

/** How a cluster's API is reached. */
export type Kubernetes =
  | { server: string; token: SecretReference; certificateAuthority?: SecretReference }
  /** its address and authority are asked of EKS, and the token is made by STS */
  | { eks: string; region: string };

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
export const kubernetesName = () =>
  text('a name of Kubernetes: lower-case letters, digits, - and .', /^(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/);

export const kubernetes: z.ZodType<Kubernetes> = z.union(
  [
    section({
      server: text('https://…', /^https:\/\/[^\s/?#@]+$|^http:\/\/(localhost|127\.0\.0\.1)(:\d+)?$/),
      token: secret(),
      certificateAuthority: secret().exactOptional(),
    }),
    section({ eks: text("an EKS cluster's name", /^[0-9A-Za-z][\w-]{0,99}$/), region: region() }),
  ],
  { error: 'server with a token, or eks with a region' },
);
