import { z } from 'zod';
import { durationAllowed, isDuration, parseDuration } from '#model/duration';
import { oneOf, section } from '#model/plan-field';

/** What S3 does with objects by their age. Only a deployed bucket has these rules. */
export interface StorageRules {
  /** nobody deletes or overwrites what is younger; `compliance`: not even the account's root */
  lock: { mode: 'governance' | 'compliance'; days: number };
  /** after how many days parts and whole segments of WAL move on; manifests and indices stay where they can be read at once */
  tiers: { infrequentAccess?: number; glacier?: number; deepArchive?: number };
}

const dayMs = 24 * 3600 * 1000;

const days = (min: number) =>
  z
    .custom<string>(
      (value) =>
        typeof value === 'string' &&
        isDuration(value) &&
        parseDuration(value) % dayMs === 0 &&
        parseDuration(value) >= min * dayMs,
      { error: `whole days, at least ${min}d (${durationAllowed})` },
    )
    .transform((value) => parseDuration(value) / dayMs);

export const storageRules = section({
  lock: section({
    mode: oneOf(['governance', 'compliance']).default('governance'),
    days: days(1).prefault('14d'),
  }).prefault({}),
  tiers: section({
    // S3 takes nothing younger: https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
    infrequentAccess: days(30).exactOptional(),
    glacier: days(1).exactOptional(),
    deepArchive: days(1).exactOptional(),
  })
    .superRefine(({ infrequentAccess, glacier, deepArchive }, issues) => {
      const refuse = (path: string, message: string) => issues.addIssue({ code: 'custom', path: [path], message });
      if (glacier !== undefined && glacier < (infrequentAccess ?? 0) + 30 && infrequentAccess !== undefined)
        refuse(
          'glacier',
          `at least ${infrequentAccess + 30}d, since S3 keeps what is in infrequentAccess there for 30 days`,
        );
      const before = glacier === undefined ? infrequentAccess && infrequentAccess + 30 : glacier + 90;
      if (deepArchive !== undefined && before !== undefined && deepArchive < before)
        refuse('deepArchive', `at least ${before}d, since S3 bills the class before to its end`);
    })
    .prefault({}),
}).prefault({});
