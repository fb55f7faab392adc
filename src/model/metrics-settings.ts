import { z } from 'zod';
import { section, text } from '#model/plan-field';
import { parseSecretReference, type SecretReference, secretAllowed } from '#model/secret-reference';

/** Where numbers are pushed, beside CloudWatch where there is one. */
export interface MetricsSettings {
  /** of a Prometheus Pushgateway; with a user and password it is a secret */
  pushgateway: string | SecretReference;
  job: string;
}

const isPlainUrl = (value: string): boolean => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
};

export const metricsSettings: z.ZodType<MetricsSettings> = section({
  pushgateway: z
    .custom<string>(
      (value) => typeof value === 'string' && (isPlainUrl(value) || parseSecretReference(value) !== undefined),
      {
        error: `http:// or https:// without a user and password, or ${secretAllowed}`,
        params: { secret: true },
      },
    )
    .transform((value) => parseSecretReference(value) ?? value),
  job: text('letters, digits, _, . and -', /^[\w.-]{1,100}$/).default('lifeboat'),
});
