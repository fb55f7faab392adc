import { randomUUID } from 'node:crypto';
import { readProjection } from '#catalog/change-projection';
import { recordEvidence } from '#catalog/evidence';
import { followEntries } from '#catalog/incidents';
import { endTelling, holdTelling, keepTold, type OpenIncident, openIncidents } from '#catalog/open-incidents';
import { type IncidentEntry, incidentOf } from '#model/incident';
import { incidentDeed } from '#model/incident-deed';
import { type DueMessage, dueMessages } from '#model/incident-messages';
import { incidentDefaults } from '#model/incident-settings';
import { countOn } from '#model/incident-wait';
import type { Plan } from '#model/plan';
import { ChannelRest } from '#notify/channel-rest';
import { type Clock, realClock } from '#notify/clock';
import type { ChannelResult } from '#notify/deliver';
import type { Senders } from '#notify/senders';
import { tellIncident } from '#notify/tell-incident';
import type { NoticeRecords } from '#notify/tell-notice';
import type { ObjectStore } from '#store/object-store';

export interface IncidentsWork {
  store: ObjectStore;
  plan: Pick<Plan, 'incidents' | 'notifications'>;
  senders: Senders;
  records: Pick<NoticeRecords, 'isTaken' | 'recordTaken'>;
  /** of channels that failed a moment ago */
  rest?: ChannelRest;
  clock?: Clock;
}

export interface ToldMessage {
  incident: string;
  message: string;
  kind: DueMessage['message']['kind'];
  results: ChannelResult[];
}

/**
 * Tell people what is due of the open incidents, one teller at a time, and put what was said into the evidence.
 *
 *     hold → for each incident: read on → count the time → each message: told, then noted → evidence → let go
 *
 * Killed anywhere, the next one goes on a minute later: a channel that has taken a message does not get it again, but for the
 * one that was killed between the two. What a channel does not take is tried again each time, as long as it is due.
 * `busy`: somebody else tells.
 */
export async function tellIncidents(work: IncidentsWork): Promise<{ busy: boolean; told: ToldMessage[] }> {
  const { store, clock = realClock } = work;
  const { open } = await readProjection(store, openIncidents);
  if (open.length === 0) return { busy: false, told: [] };
  const token = randomUUID();
  const now = () => new Date(clock.nowMs());
  if (!(await holdTelling(store, token, now()))) return { busy: true, told: [] };
  const told: ToldMessage[] = [];
  // what one of them fails by must not keep the others from being told
  const failures: unknown[] = [];
  try {
    for (const { incident } of open) {
      const mine = await tellOne(incident, token, { ...work, clock }, told).catch((failure: unknown) => {
        failures.push(failure);
        return true;
      });
      if (!mine) return { busy: true, told };
    }
  } finally {
    await endTelling(store, token);
  }
  if (failures.length > 0) throw failures[0];
  return { busy: false, told };
}

/** Whether the token still holds. */
async function tellOne(
  id: string,
  token: string,
  work: IncidentsWork & { clock: Clock },
  told: ToldMessage[],
): Promise<boolean> {
  const { store, plan, senders, records, rest = new ChannelRest(), clock } = work;
  const settings = plan.incidents ?? incidentDefaults;
  const now = () => new Date(clock.nowMs());
  // as it is stored now: whoever told before may have gone on meanwhile
  const listed = (await readProjection(store, openIncidents)).open.find(({ incident }) => incident === id);
  if (!listed) return true;
  const entries = await followEntries(store, id, listed.entries);
  if (entries.length === 0) return keepTold(store, token, id, (known) => (isForsaken(known, now()) ? null : known));
  const incident = incidentOf(entries);
  const wait = countOn(listed.wait ?? undefined, incident, now());
  const counted = (known: OpenIncident) => ({ ...known, entries, wait, untold: [] });
  if (!(await keepTold(store, token, id, counted))) return false;
  const options = { notifications: plan.notifications, settings, senders, records, rest, clock, random: Math.random };
  let isLeft = false;
  for (const due of dueMessages(incident, settings, wait, new Set(listed.told))) {
    if (!(await holdTelling(store, token, now()))) return false;
    const results = await tellIncident(incident, due, { ...options, ...patience });
    told.push({ incident: id, message: due.id, kind: due.message.kind, results });
    const isTold = results.every(({ taken }) => taken);
    isLeft ||= !isTold;
    await keepTold(store, token, id, (known) => ({
      ...known,
      told: isTold ? [...known.told, due.id] : known.told,
      untold: [...known.untold, ...notTaken(due, results, now())],
    }));
  }
  // after people, who must be told whatever the evidence says
  await record(store, entries.slice(listed.recorded), incident.source);
  const isOver = incident.resolved !== null && (!isLeft || isForsaken(listed, now(), incident.resolved.at));
  return keepTold(store, token, id, (known) => (isOver ? null : { ...known, recorded: entries.length }));
}

/** A minute later it is tried again; below the time for which one teller holds. */
const patience = { tries: 2, timeoutMs: 10_000, totalMs: 25_000 };

const dayMs = 86_400_000;

/** Nothing came of it in a day. */
const isForsaken = ({ listedAt }: OpenIncident, now: Date, at = listedAt): boolean =>
  now.getTime() - Date.parse(at) > dayMs;

const notTaken = ({ id }: DueMessage, results: readonly ChannelResult[], now: Date): OpenIncident['untold'] =>
  results.flatMap((result) =>
    result.taken
      ? []
      : [
          {
            message: id,
            channel: result.label,
            reason: [result.reason, result.hint].filter((part) => part !== undefined).join(': '),
            at: now.toISOString(),
          },
        ],
  );

async function record(store: ObjectStore, entries: readonly IncidentEntry[], source: string | null): Promise<void> {
  for (const entry of entries) await recordEvidence(store, incidentDeed(entry, source));
}
