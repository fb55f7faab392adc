import { createHash } from 'node:crypto';

/**
 * What IAM's 64 characters leave for the source in `<stack>-<region>-<source>`: a stack's name has 30 at most
 * (aws-deployment.ts), a region's 14. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
const mostCharacters = 18;

/** Where there is no IAM: a role is only a name there. */
export const localSourceRoles = 'arn:aws:iam::000000000000:role/lifeboat-local-';

/**
 * A source's name as it stands at the end of its role's: a long one is cut, and told apart from others by the first
 * 32 bits of its SHA-256. It depends on nothing else, so that packaging and planning come to the same.
 */
export function shortSourceName(source: string): string {
  if (source.length <= mostCharacters) return source;
  const digits = createHash('sha256').update(source).digest('hex').slice(0, 8);
  return `${source.slice(0, mostCharacters - digits.length - 1)}-${digits}`;
}

/** The role under which a source is backed up; `prefix` is LIFEBOAT_SOURCE_ROLES, `arn:aws:iam::<account>:role/<stack>-<region>-`. */
export const sourceRoleArn = (prefix: string, source: string): string => prefix + shortSourceName(source);
