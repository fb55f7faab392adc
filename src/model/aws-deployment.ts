import type { z } from 'zod';
import { section, text } from '#model/plan-field';

/** Where a plan is deployed: the stack whose machines, bucket and key the commands use. */
export interface AwsDeployment {
  /** the CloudFormation stack, `lifeboat-<stage>` */
  stack: string;
  region: string;
  /** where a second stack of the same name stands by */
  recoveryRegion?: string;
}

const region = () => text('a region like eu-central-1', /^[a-z]{2}(-[a-z]+){1,3}-\d$/);

export const awsDeployment: z.ZodType<AwsDeployment> = section({
  // no more, so that the names of its roles have room for the source's
  stack: text('lifeboat-<stage>: at most 30 letters, digits and -', /^lifeboat-[a-zA-Z0-9-]{1,21}$/),
  region: region(),
  recoveryRegion: region().exactOptional(),
}).refine(({ region: first, recoveryRegion }) => first !== recoveryRegion, {
  path: ['recoveryRegion'],
  error: 'another region than region',
});
