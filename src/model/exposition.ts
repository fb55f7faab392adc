import { type MetricRecord, metricHelp, prometheusName } from '#model/metric';

/**
 * Records as Prometheus reads them; the last one of a name counts. Labels are not written: whoever pushes them names the
 * source by the group. https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
export function printExposition(records: readonly MetricRecord[]): string {
  const byName = new Map(records.map((record) => [record.name, record]));
  return [...byName.values()]
    .map(({ name, value }) => {
      const printed = prometheusName(name);
      return `# HELP ${printed} ${metricHelp[name]}\n# TYPE ${printed} gauge\n${printed} ${value}\n`;
    })
    .join('');
}
