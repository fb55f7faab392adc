import type { MetricRecord } from '#model/metric';
import { emfMetrics } from '#runtime/emf-metrics';

emfMetrics(process.env)(JSON.parse(process.argv[2]!) as MetricRecord[]);
