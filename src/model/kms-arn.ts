/** `arn:aws:kms:eu-central-1:111122223333:key/mrk-…` or `…:alias/…`, taken apart. */
export interface KmsArn {
  partition: string;
  region: string;
  account: string;
  /** `key/…` or `alias/…` */
  resource: string;
}

/** undefined for anything else */
export function parseKmsArn(arn: string): KmsArn | undefined {
  const match = /^arn:(aws[\w-]*):kms:([a-z0-9-]+):(\d{12}):((?:key|alias)\/[\w/-]{1,256})$/.exec(arn);
  if (!match) return undefined;
  const [, partition = '', region = '', account = '', resource = ''] = match;
  return { partition, region, account, resource };
}

export const printKmsArn = ({ partition, region, account, resource }: KmsArn): string =>
  `arn:${partition}:kms:${region}:${account}:${resource}`;

/**
 * Whether it names a multi-Region key: all of them, and no others, have such an id.
 * https://docs.aws.amazon.com/kms/latest/developerguide/mrk-how-it-works.html
 */
export const isMultiRegionKey = ({ resource }: KmsArn): boolean => resource.startsWith('key/mrk-');
