import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { changeProjection, type Projection, readProjection } from '#catalog/change-projection';
import { findingSchema } from '#catalog/exposure';
import type { FailoverStanding, MoveSeen } from '#model/failover-standing';
import { failoverStandingKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

const instant = z.iso.datetime();

const schema: z.ZodType<FailoverStanding> = z.strictObject({
  format: z.literal('lifeboat-failover/1'),
  group: z.string(),
  at: instant,
  primary: z.string().nullable(),
  sites: z.array(
    z.strictObject({
      site: z.string(),
      state: z.enum(['primary', 'standby', 'fenced', 'silent', 'absent']),
      why: z.string().nullable(),
    }),
  ),
  gone: z
    .strictObject({
      since: instant,
      looks: z.number().int().positive(),
      why: z.string(),
      proposed: z.string().nullable(),
    })
    .nullable(),
  alone: z.strictObject({ since: instant, site: z.string(), why: z.string() }).nullable().exactOptional(),
  witnesses: z.array(
    z.strictObject({
      what: z.string(),
      kind: z.string(),
      says: z.enum(['gone', 'there', 'unknown']),
      detail: z.string(),
    }),
  ),
  findings: z.array(findingSchema),
  moved: z.strictObject({ at: instant, execution: z.string() }).exactOptional(),
  automatic: z.strictObject({ at: instant, execution: z.string() }).nullable(),
  plans: z.array(z.strictObject({ hash: z.string(), decided: z.string() })),
});

const projectionOf = (group: string): Projection<FailoverStanding | undefined> => ({
  key: failoverStandingKey(group),
  schema,
  empty: undefined,
});

/** undefined: nobody has looked yet */
export const readFailoverStanding = (store: ObjectStore, group: string): Promise<FailoverStanding | undefined> =>
  readProjection(store, projectionOf(group));

/** Keep a look, unless since `before` was read somebody else has looked, or moved it; what moves have noted meanwhile stays. */
export async function keepLook(
  store: ObjectStore,
  before: FailoverStanding | undefined,
  look: FailoverStanding,
): Promise<void> {
  await changeProjection(store, projectionOf(look.group), (known) => {
    if (known && (known.at !== (before?.at ?? never) || isMovedBetween(before, known))) return known;
    return known ? { ...look, automatic: known.automatic, plans: known.plans } : look;
  });
}

/** Note what a plan decided, so that it can be said later what changed. */
export const notePlan = (store: ObjectStore, group: string, plan: FailoverStanding['plans'][number]): Promise<void> =>
  note(store, group, (known) => ({
    ...known,
    plans: [plan, ...known.plans.filter(({ hash }) => hash !== plan.hash)].slice(0, keptPlans),
  }));

/**
 * Note that an execution moves the group. `primary`: it has moved it to that site, and what was gone there is another outage. Else one
 * that goes on is counted anew, and stays what was proposed for it.
 */
export const noteMove = (
  store: ObjectStore,
  group: string,
  { primary, ...moved }: MoveSeen & { primary?: string | undefined },
): Promise<void> =>
  note(store, group, (known) => ({ ...known, moved, ...(primary === undefined ? {} : { primary, gone: null }) }));

/** Whether a move was noted in between: then what was seen meanwhile is neither of before nor of after it. */
export const isMovedBetween = (before: FailoverStanding | undefined, after: FailoverStanding | undefined): boolean =>
  after !== undefined && !isDeepStrictEqual(before?.moved, after.moved);

/** Note that an execution moves the primary and nobody was asked. */
export const noteAutomatic = (
  store: ObjectStore,
  group: string,
  automatic: NonNullable<FailoverStanding['automatic']>,
): Promise<void> => note(store, group, (known) => ({ ...known, automatic }));

const keptPlans = 10;
/** of a standing that notes made before anybody looked */
const never = new Date(0).toISOString();

async function note(
  store: ObjectStore,
  group: string,
  change: (known: FailoverStanding) => FailoverStanding,
): Promise<void> {
  await changeProjection(store, projectionOf(group), (known) => change(known ?? notLookedYet(group)));
}

const notLookedYet = (group: string): FailoverStanding => ({
  ...{ format: 'lifeboat-failover/1', group, at: never, primary: null, sites: [], gone: null, witnesses: [] },
  ...{ findings: [], automatic: null, plans: [] },
});
