import { randomUUID } from 'node:crypto';
import { changeProjection, readProjection } from '#catalog/change-projection';
import { emptyIncident, type OpenIncident, openIncidents } from '#catalog/open-incidents';
import { putRecord, readRecord } from '#catalog/put-record';
import { InputInvalid, StoreUnavailable } from '#model/failure';
import {
  type Incident,
  type IncidentDeed,
  type IncidentEntry,
  incidentEntrySchema,
  incidentId,
  incidentOf,
  isIncidentId,
  type Said,
} from '#model/incident';
import { incidentEntryKey, incidentsFolder } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/*
 * incidents/<id>/000001.json, …2.json: each put on condition that there is none, so that of two people who say something at
 * once one goes on behind the other, knowing what the first one said.
 */
const maxEntries = 10_000;

/** Open one. Its id is noted before, so that nobody dies between an incident and its being known. */
export async function openIncident(
  store: ObjectStore,
  opening: Omit<IncidentDeed & { deed: 'opened' }, 'deed'>,
  { by, at }: Said,
  random: () => string = randomUUID,
): Promise<IncidentEntry> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const incident = incidentId(new Date(at), random());
    await changeProjection(store, openIncidents, ({ open, ...content }) => ({
      ...content,
      open: open.some((one) => one.incident === incident) ? open : [...open, emptyIncident(incident, at)],
    }));
    const entry = entryOf({ incident, number: 1, by, at, said: { deed: 'opened', ...opening } });
    if (await putRecord(store, incidentEntryKey(incident, 1), entry)) return entry;
  }
  throw new StoreUnavailable(`no id is free for an incident of ${at}`, {
    operation: 'open incident',
    subject: incidentsFolder,
  });
}

export interface Added {
  incident: Incident;
  /** undefined: there was nothing to be added */
  entry: IncidentEntry | undefined;
}

/**
 * Say something of an incident. `decide` is asked with how it stands, and again when somebody else was faster; it answers what
 * is to be said, or undefined for nothing, or throws.
 */
export async function addToIncident(
  store: ObjectStore,
  id: string,
  { by, at }: Said,
  decide: (incident: Incident) => IncidentDeed | undefined,
): Promise<Added> {
  let entries: readonly IncidentEntry[] = [];
  for (;;) {
    entries = entries.length === 0 ? await readIncident(store, id) : await followEntries(store, id, entries);
    const incident = incidentOf(entries);
    const said = decide(incident);
    if (!said) return { incident, entry: undefined };
    const entry = entryOf({ incident: id, number: entries.length + 1, by, at, said });
    if (await putRecord(store, incidentEntryKey(id, entry.number), entry))
      return { incident: incidentOf([...entries, entry]), entry };
  }
}

const entryOf = (entry: Omit<IncidentEntry, 'format'>): IncidentEntry =>
  incidentEntrySchema.parse({ format: 'lifeboat-incident/1', ...entry });

/** All entries, where the first ones are known. One read for each that is not, and one more. */
export async function followEntries(
  store: ObjectStore,
  id: string,
  known: readonly IncidentEntry[] = [],
): Promise<IncidentEntry[]> {
  const entries = [...known];
  while (entries.length < maxEntries) {
    const next = await readRecord(store, incidentEntryKey(id, entries.length + 1), incidentEntrySchema);
    if (!next) break;
    entries.push(next);
  }
  return entries;
}

/** @throws InputInvalid when there is none with this id */
export async function readIncident(store: ObjectStore, id: string): Promise<IncidentEntry[]> {
  const entries = isIncidentId(id) ? await followEntries(store, id) : [];
  if (entries.length > 0) return entries;
  throw new InputInvalid('incident', id, 'the id of an incident', 'list them with `lifeboat incident list --all`');
}

/** Those that are open, or whose end is not told yet, oldest first. */
export async function listOpenIncidents(store: ObjectStore): Promise<OpenIncident[]> {
  const { open } = await readProjection(store, openIncidents);
  const followed = await Promise.all(
    open.map(async (one) => ({ ...one, entries: await followEntries(store, one.incident, one.entries) })),
  );
  return followed.filter(({ entries }) => entries.length > 0);
}

/** The ids of all that there ever were, oldest first. */
export async function listIncidents(store: ObjectStore): Promise<string[]> {
  const ids: string[] = [];
  for await (const folder of store.folders(incidentsFolder)) ids.push(folder.replace(/\/$/, ''));
  return ids.filter(isIncidentId).sort();
}

/** Make the list of those that are open anew; what is known of what people were told stays. */
export async function rebuildOpenIncidents(store: ObjectStore, now: Date): Promise<void> {
  await changeProjection(store, openIncidents, async (content) => {
    const known = new Map(content.open.map((one) => [one.incident, one]));
    const open: OpenIncident[] = [];
    for (const id of await listIncidents(store)) {
      const entries = await followEntries(store, id);
      if (entries.length === 0) continue;
      const listed = known.get(id) ?? emptyIncident(id, now.toISOString());
      if (known.has(id) || incidentOf(entries).resolved === null) open.push({ ...listed, entries });
    }
    return { ...content, open };
  });
}
