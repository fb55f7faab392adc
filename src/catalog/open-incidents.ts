import { z } from 'zod';
import { changeProjection, type Projection } from '#catalog/change-projection';
import { incidentEntrySchema } from '#model/incident';
import { openIncidentsKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/**
 * The incidents that somebody has to tell people of. It only saves reads: entries stand in objects of their own, and who has
 * taken which message in the notices' (notices/<message>/<channel>.json), so that without it nobody is told twice.
 */
const openSchema = z.strictObject({
  incident: z.string(),
  /** when it was put on this list */
  listedAt: z.iso.datetime(),
  entries: z.array(incidentEntrySchema),
  /** so many of them are in the evidence */
  recorded: z.number().int().nonnegative(),
  /** ids of messages that all channels concerned have taken */
  told: z.array(z.string()),
  /** what the last try could not tell */
  untold: z.array(z.strictObject({ message: z.string(), channel: z.string(), reason: z.string(), at: z.string() })),
  wait: z.strictObject({ at: z.iso.datetime(), openMs: z.number(), quietMs: z.number(), entry: z.number() }).nullable(),
});
export type OpenIncident = z.infer<typeof openSchema>;

const schema = z.strictObject({
  format: z.literal('lifeboat-incidents/1'),
  open: z.array(openSchema),
  /** who tells people now; null: nobody */
  telling: z.strictObject({ token: z.string(), until: z.iso.datetime() }).nullable(),
});
export type OpenIncidents = z.infer<typeof schema>;

export const openIncidents: Projection<OpenIncidents> = {
  key: openIncidentsKey,
  schema,
  empty: { format: 'lifeboat-incidents/1', open: [], telling: null },
};

export const emptyIncident = (incident: string, listedAt: string): OpenIncident => ({
  ...{ incident, listedAt, entries: [], recorded: 0, told: [], untold: [], wait: null },
});

/** Longer than one message to all channels takes (src/runtime/tell-incidents.ts). */
const tellingMs = 40_000;

/**
 * Be the only one who tells, for some time from now; again to go on. False: somebody else does. Who was killed is
 * waited for until then.
 */
export async function holdTelling(store: ObjectStore, token: string, now: Date): Promise<boolean> {
  const content = await changeProjection(store, openIncidents, (known) => {
    const leftMs = known.telling === null ? 0 : Date.parse(known.telling.until) - now.getTime();
    // more than that is a clock that was set back
    const isHeld = known.telling?.token !== token && leftMs > 0 && leftMs <= tellingMs;
    if (isHeld) return known;
    return { ...known, telling: { token, until: new Date(now.getTime() + tellingMs).toISOString() } };
  });
  return content.telling?.token === token;
}

/** Keep what was told of one, while this token still holds; null takes it off the list. False: it does not. */
export async function keepTold(
  store: ObjectStore,
  token: string,
  incident: string,
  change: (known: OpenIncident) => OpenIncident | null,
): Promise<boolean> {
  const content = await changeProjection(store, openIncidents, (known) => {
    if (known.telling?.token !== token) return known;
    return { ...known, open: known.open.flatMap((one) => (one.incident === incident ? (change(one) ?? []) : one)) };
  });
  return content.telling?.token === token;
}

export async function endTelling(store: ObjectStore, token: string): Promise<void> {
  await changeProjection(store, openIncidents, (known) =>
    known.telling?.token === token ? { ...known, telling: null } : known,
  );
}
