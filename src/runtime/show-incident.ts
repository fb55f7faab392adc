import { z } from 'zod';
import type { StatusPage } from '#model/notification';
import type { SendOutcome } from '#notify/deliver';
import type { StatuspageDeed } from '#notify/to-statuspage';
import { networkOutcome, outcomeOf } from '#runtime/post-json';

/** An incident, as far as it is read here; ours has the key of what it is about in its metadata. */
const incidents = z.array(
  z.object({
    id: z.string().regex(/^[A-Za-z0-9]+$/),
    /** what was said of it; left out of many answers */
    incident_updates: z.array(z.object({ body: z.string().nullish() })).catch([]),
    metadata: z
      .object({ lifeboat: z.object({ key: z.string() }).optional().catch(undefined) })
      .nullish()
      .catch(null),
  }),
);

/**
 * Make a status page show what it is to show. What is there already is looked at first, so that a repetition opens no second
 * incident and says nothing twice; of ours that are still open, the last one that ends gives the component back.
 * https://developer.statuspage.io/#tag/incidents
 */
export async function showIncident(
  page: StatusPage,
  apiKey: string,
  deed: StatuspageDeed,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const ask = caller(page, apiKey, signal);
  try {
    const listed = await ask('GET', '/incidents/unresolved');
    if (!listed.ok) return refused(listed);
    const open = incidents.safeParse(await listed.json());
    if (!open.success) return { taken: false, again: true, reason: 'its list of incidents cannot be read' };
    const ours = open.data.filter(({ metadata }) => metadata?.lifeboat);
    if (deed.deed === 'look') return { taken: true, note: `it would show incidents; ${ours.length} of ours are open` };
    const same = ours.filter(({ metadata }) => metadata!.lifeboat!.key === deed.key);
    if (deed.deed !== 'resolve' && same.length === 0) {
      return refused(await ask('POST', '/incidents', { incident: opened(page, deed) }));
    }
    if (deed.deed === 'open') return { taken: true };
    if (deed.deed === 'update') {
      const [{ id, incident_updates: said }] = same as [(typeof same)[number]];
      if (said.some(({ body }) => body === deed.body)) return { taken: true };
      return refused(await ask('PATCH', `/incidents/${id}`, { incident: { status: 'identified', body: deed.body } }));
    }
    for (const [index, { id }] of same.entries()) {
      const isLast = ours.length - index === 1;
      const outcome = refused(await ask('PATCH', `/incidents/${id}`, { incident: resolved(page, deed.body, isLast) }));
      if (!outcome.taken) return outcome;
    }
    return { taken: true };
  } catch (error) {
    return networkOutcome(error);
  }
}

function caller({ apiUrl, pageId }: StatusPage, apiKey: string, signal: AbortSignal) {
  return async (method: string, path: string, body?: object): Promise<Response> => {
    const response = await fetch(`${apiUrl}/v1/pages/${pageId}${path}`, {
      method,
      headers: {
        authorization: `OAuth ${apiKey}`,
        'user-agent': 'lifeboat',
        ...(body && { 'content-type': 'application/json; charset=utf-8' }),
      },
      ...(body && { body: JSON.stringify(body) }),
      redirect: 'manual',
      signal,
    });
    if (method !== 'GET' || !response.ok) await response.body?.cancel().catch(() => undefined);
    return response;
  };
}

const opened = ({ componentId }: StatusPage, { key, name, body }: StatuspageDeed & { deed: 'open' | 'update' }) => ({
  name,
  status: 'investigating',
  body,
  // all of its own values have to be maps
  metadata: { lifeboat: { key } },
  ...(componentId && { component_ids: [componentId], components: { [componentId]: 'degraded_performance' } }),
});

const resolved = ({ componentId }: StatusPage, body: string, isLast: boolean) => ({
  status: 'resolved',
  body,
  ...(componentId && isLast && { components: { [componentId]: 'operational' } }),
});

/** 420 is said where others say 429: https://developer.statuspage.io/#section/Rate-Limiting */
const refused = (response: Response): SendOutcome =>
  outcomeOf(response, {
    again: [420],
    hints: {
      401: 'the page does not know the key: check apiKey in the plan',
      403: 'the key may not do that: it takes the right to manage incidents',
      404: 'there is no such page, or the key may not see it: check pageId in the plan',
      422: 'the page does not take the incident: check componentId in the plan',
    },
  });
