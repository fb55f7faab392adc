import { Metrics } from '@aws-lambda-powertools/metrics';
import { type MetricRecord, metricNamespace, metricUnit, sourceDimension, stackDimension } from '#model/metric';
import type { Environment } from '#runtime/environment';

/**
 * Prints numbers as lines of the log that CloudWatch makes metrics of: one for each source, and one for all of them together.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function emfMetrics({ LIFEBOAT_STACK = 'lifeboat' }: Environment): (records: readonly MetricRecord[]) => void {
  const metrics = new Metrics({ namespace: metricNamespace });
  // a function's name is not what a number is about
  metrics.clearDefaultDimensions();
  return (records) => {
    for (const [source, own] of Map.groupBy(records, (record) => record.source)) {
      metrics.addDimensions({
        [stackDimension]: LIFEBOAT_STACK,
        ...(source !== null && { [sourceDimension]: source }),
      });
      for (const { name, value } of own) metrics.addMetric(name, metricUnit(name), value);
      metrics.publishStoredMetrics();
    }
  };
}
