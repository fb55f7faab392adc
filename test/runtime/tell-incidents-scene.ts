import { openIncident } from '#catalog/incidents';
import { type IncidentContact, incidentDefaults, severityNames } from '#model/incident-settings';
import type { Notification } from '#model/notification';
import { ChannelRest } from '#notify/channel-rest';
import type { Clock } from '#notify/clock';
import { noticeRecords } from '#runtime/notice-records';
import { openSenders } from '#runtime/open-senders';
import { type IncidentsWork, tellIncidents } from '#runtime/tell-incidents';
import type { ObjectStore } from '#store/object-store';

export const on: Notification['on'] = ['failure', 'question'];
export const webhook: Notification = { kind: 'webhook', url: { from: 'env', name: 'HOOK' }, on };

export const called = (name: string, variable: string, afterMinutes = 0): IncidentContact => ({
  ...{ name, reach: { kind: 'webhook', url: { from: 'env', name: variable } } },
  ...{ afterMs: afterMinutes * 60_000, for: [...severityNames] },
});

/** As a process that has just started does it: nothing is remembered but what the bucket says. */
export function tell(
  store: ObjectStore,
  environment: Record<string, string>,
  { notifications = [webhook], contacts = [] as IncidentContact[], clock = undefined as Clock | undefined } = {},
): ReturnType<typeof tellIncidents> {
  const work: IncidentsWork = {
    store,
    plan: { notifications, incidents: { ...incidentDefaults, contacts } },
    senders: openSenders(environment),
    records: noticeRecords(store, { here: new Set(), now: () => new Date(), onFailure: () => undefined }),
    rest: new ChannelRest(),
    ...(clock && { clock }),
  };
  return tellIncidents(work);
}

/** Opened a moment ago. */
export async function opened(store: ObjectStore, title = 'Orders cannot be placed'): Promise<string> {
  const entry = await openIncident(
    store,
    {
      ...{ title, source: 'orders', impact: null, measuredRtoMs: null, isPublic: true },
      severity: { name: 'SEV1', rtoMs: 3_600_000, procedure: 'restore' },
    },
    { by: 'grace', at: new Date().toISOString() },
  );
  return entry.incident;
}
