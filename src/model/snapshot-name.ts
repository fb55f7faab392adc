import { createHash } from 'node:crypto';

/**
 * What the snapshot of an execution is called: letters, digits and single hyphens. Where its execution's name has others,
 * or is too long, eight digits of its SHA-256 keep it apart.
 * https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html
 */
export function snapshotName(source: string, execution: string): string {
  const whole = `lifeboat-${source}-${execution}`;
  const name = whole
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/-$/, '');
  if (name === whole.toLowerCase() && name.length <= longest) return name;
  return `${name.slice(0, longest - 9).replace(/-$/, '')}-${createHash('sha256').update(whole).digest('hex').slice(0, 8)}`;
}

const longest = 200;

/** How the names of all of a source's snapshots begin; those of a source whose name goes on like this begin so, too. */
export const snapshotPrefix = (source: string): string =>
  `lifeboat-${source}-`.toLowerCase().replace(/[^a-z0-9]+/g, '-');

/** On what we have made: whose it is. `execution` is an ARN. */
export const ownTags = (source: string, execution: string): Record<string, string> => ({
  'lifeboat:source': source,
  'lifeboat:execution': execution,
});
