import { z } from 'zod';

/**
 * What AWS asks for, in US dollars. The defaults are list prices of us-east-1 as published in 2025, without free tiers
 * and discounts; other regions differ by up to a third. `lifeboat cost --prices FILE` takes others.
 * Sources: https://aws.amazon.com/s3/pricing/ https://aws.amazon.com/fargate/pricing/ https://aws.amazon.com/kms/pricing/
 * https://aws.amazon.com/ebs/pricing/ https://aws.amazon.com/rds/postgresql/pricing/ https://aws.amazon.com/rds/aurora/pricing/
 * https://aws.amazon.com/cloudwatch/pricing/ https://aws.amazon.com/step-functions/pricing/ https://aws.amazon.com/lambda/pricing/ https://aws.amazon.com/eventbridge/pricing/
 */
const price = (dollars: number) => z.number().nonnegative().default(dollars);

export const pricesSchema = z.strictObject({
  /** a GB (10^9 bytes) for a month */
  standardGbMonth: price(0.023),
  infrequentAccessGbMonth: price(0.0125),
  glacierGbMonth: price(0.0036),
  deepArchiveGbMonth: price(0.00099),
  /** a thousand requests */
  putThousand: price(0.005),
  getThousand: price(0.0004),
  /** a thousand objects that move into a class */
  toInfrequentAccessThousand: price(0.01),
  toGlacierThousand: price(0.03),
  toDeepArchiveThousand: price(0.05),
  /** a GB that is read in this class */
  infrequentAccessReadGb: price(0.01),
  /** a GB that is copied to another region */
  otherRegionGb: price(0.02),
  /** of Linux on ARM, for an hour */
  fargateCpuHour: price(0.03238),
  fargateGbHour: price(0.00356),
  /** above 20 GB */
  fargateDiskGbHour: price(0.000111),
  /** a volume (gp3) for a month, and of each MB a second above 125 */
  volumeGbMonth: price(0.08),
  volumeMbpsMonth: price(0.04),
  /** a GB of snapshots for a month, of an RDS instance and of an Aurora cluster */
  snapshotGbMonth: price(0.095),
  clusterSnapshotGbMonth: price(0.021),
  /** of ARM; a GB for a second, and a million invocations */
  lambdaGbSecond: price(0.0000133334),
  lambdaMillion: price(0.2),
  transitionThousand: price(0.025),
  /** a million events of S3 on the bus */
  eventMillion: price(1),
  /** a metric, and an alarm, for a month */
  metricMonth: price(0.3),
  alarmMonth: price(0.1),
  /** a GB of log lines */
  logGb: price(0.5),
  kmsKeyMonth: price(1),
  kmsTenThousand: price(0.03),
});

export type Prices = z.infer<typeof pricesSchema>;

export const listPrices: Prices = pricesSchema.parse({});
