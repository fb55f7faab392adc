import type { MetricRecord } from '#model/metric';
import type { Plan } from '#model/plan';
import type { Environment } from '#runtime/environment';

/** Hands numbers on. Never rejects: what is measured is done already, and counts without its numbers. */
export type Measure = (records: readonly MetricRecord[]) => Promise<void>;

export interface MeasureOptions {
  environment: Environment;
  /** told why numbers are lost; no secret is in it */
  onFailure(reason: string): void;
  /** how long the work may wait for its numbers, in all */
  patienceMs?: number;
}

/** To the plan's Pushgateway; undefined where it names none. */
export async function pushing({ metrics }: Plan, options: MeasureOptions): Promise<Measure | undefined> {
  if (!metrics) return undefined;
  return (await import('#runtime/push-metrics')).pushMetrics(metrics, options);
}

/** To CloudWatch, as lines of the log, and to the plan's Pushgateway. */
export async function publishing(plan: Plan, options: MeasureOptions): Promise<Measure> {
  const { emfMetrics } = await import('#runtime/emf-metrics');
  const [print, push] = [emfMetrics(options.environment), await pushing(plan, options)];
  return async (records) => {
    print(records);
    await push?.(records);
  };
}
