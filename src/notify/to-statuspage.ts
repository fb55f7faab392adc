import { createHash } from 'node:crypto';
import type { Notice } from '#model/notice';
import { clip } from '#model/plain-text';

/** What is to be so on a status page; done twice it is the same. */
export type StatuspageDeed =
  /** there is an unresolved incident with this key */
  | { deed: 'open'; key: string; name: string; body: string }
  /** it says this of it, and is opened if there is none */
  | { deed: 'update'; key: string; name: string; body: string }
  /** there is none */
  | { deed: 'resolve'; key: string; body: string }
  /** nothing is changed: only whether the page could be */
  | { deed: 'look' };

/**
 * Everybody may read a status page: it says what has failed and since when, and neither why nor what to do. A failure whose
 * key never ends, or that has none, is for a person to resolve. `id` is the notice's.
 */
export function toStatuspage({ occasion, subject, title, since, dedupe }: Notice, id: string): StatuspageDeed {
  const key = pageKey(dedupe ?? id);
  if (occasion === 'failure') {
    const begun = since === null ? '' : ` since ${since}`;
    return { deed: 'open', key, name: clip(`${subject}: ${title}`, 200), body: `Seen by Lifeboat${begun}.` };
  }
  return dedupe === null ? { deed: 'look' } : { deed: 'resolve', key, body: 'It is fine again.' };
}

/** What an incident is known by on the page; says nothing of what it is about. */
export const pageKey = (about: string): string => createHash('sha256').update(about).digest('hex').slice(0, 32);
