import { z } from 'zod';
import { identity } from '#model/approver';
import { Failure, InputInvalid } from '#model/failure';
import { severityNames } from '#model/incident-settings';

/**
 * An incident is what was said of it, in order: numbered entries, each put once. Two people who say something at the same
 * time are one after the other, so that who comes second is judged by what the first one said.
 */
const severity = z.strictObject({
  name: z.enum(severityNames),
  /** as promised when it was opened, or when it became this severity */
  rtoMs: z.number().int().positive(),
  procedure: z.string(),
});
export type IncidentSeverity = z.infer<typeof severity>;

const text = (maxChars: number) => z.string().min(1).max(maxChars);

const deed = z.discriminatedUnion('deed', [
  z.strictObject({
    deed: z.literal('opened'),
    severity,
    title: text(200),
    /** null: no source of the plan, or several */
    source: z.string().nullable(),
    impact: text(2_000).nullable(),
    /** what a recovery of the source is expected to take, by its drills; null: there was none */
    measuredRtoMs: z.number().nonnegative().nullable(),
    /** whether the public is told, by status pages */
    isPublic: z.boolean(),
  }),
  z.strictObject({
    deed: z.literal('updated'),
    message: text(4_000),
    /** for status pages; null: only that somebody works on it */
    publicMessage: text(2_000).nullable(),
    /** null: as before */
    severity: severity.nullable(),
  }),
  z.strictObject({ deed: z.literal('acknowledged') }),
  z.strictObject({ deed: z.literal('noted'), note: text(2_000) }),
  z.strictObject({ deed: z.literal('resolved'), message: text(4_000), publicMessage: text(2_000).nullable() }),
]);
export type IncidentDeed = z.infer<typeof deed>;

export const incidentEntrySchema = z.intersection(
  z.looseObject({
    format: z.literal('lifeboat-incident/1'),
    incident: z.string(),
    number: z.number().int().positive(),
    by: text(200),
    at: z.iso.datetime(),
  }),
  z.object({ said: deed }),
);
export type IncidentEntry = z.infer<typeof incidentEntrySchema>;

/** What is so after all entries. */
export interface Incident {
  id: string;
  title: string;
  severity: IncidentSeverity;
  source: string | null;
  impact: string | null;
  measuredRtoMs: number | null;
  isPublic: boolean;
  opened: Said;
  /** the newest one */
  acknowledged: Said | null;
  resolved: (Said & { message: string; publicMessage: string | null }) | null;
  /** oldest first, of those that people are told */
  updates: (Said & { number: number; message: string; publicMessage: string | null })[];
}

export interface Said {
  by: string;
  at: string;
}

/** @throws InputInvalid when they do not begin with an opening */
export function incidentOf(entries: readonly IncidentEntry[]): Incident {
  const [first, ...rest] = entries;
  if (first?.said.deed !== 'opened') throw new InputInvalid('incident', first?.incident, 'one that was opened');
  const { deed: _, ...opening } = first.said;
  const { by, at } = first;
  const opened = { id: first.incident, ...opening, opened: { by, at } };
  return rest.reduce(withEntry, { ...opened, acknowledged: null, resolved: null, updates: [] });
}

function withEntry(incident: Incident, { number, by, at, said }: IncidentEntry): Incident {
  switch (said.deed) {
    case 'updated': {
      const { message, publicMessage } = said;
      const updates = [...incident.updates, { number, by, at, message, publicMessage }];
      return { ...incident, updates, severity: said.severity ?? incident.severity };
    }
    case 'acknowledged':
      return { ...incident, acknowledged: { by, at } };
    case 'resolved':
      return { ...incident, resolved: { by, at, message: said.message, publicMessage: said.publicMessage } };
    default:
      return incident;
  }
}

/** Who sees to it that people are told: who acknowledged last, else who opened it. */
export const runnerOf = ({ acknowledged, opened }: Incident): string => (acknowledged ?? opened).by;

/** What people were told last, or are to be told: its entry's number, and when that was. */
export function lastWord({ updates, opened }: Incident): { number: number; at: string } {
  return updates.at(-1) ?? { number: 1, at: opened.at };
}

const idPattern = /^\d{8}-[0-9a-f]{4}$/;

export const isIncidentId = (text: string): boolean => idPattern.test(text);

/** `20261120-4f2a`: short enough to be said on the phone; `random`: at least four hexadecimal digits */
export const incidentId = (at: Date, random: string): string =>
  `${at.toISOString().slice(0, 10).replaceAll('-', '')}-${random.slice(0, 4)}`;

/** Somebody else runs it. */
export class IncidentTaken extends Failure {
  readonly verdict = 'operator';
}

/** What is to be said where a person acknowledges it; undefined: nothing, they have. @throws IncidentTaken, InputInvalid */
export function acknowledgement(incident: Incident, by: string, takesOver: boolean): IncidentDeed | undefined {
  requireOpen(incident);
  const { acknowledged, id } = incident;
  if (acknowledged && identity(acknowledged.by) === identity(by)) return undefined;
  if (!acknowledged || takesOver) return { deed: 'acknowledged' };
  throw new IncidentTaken(`${acknowledged.by} runs incident ${id} since ${acknowledged.at}`, {
    operation: 'acknowledge incident',
    subject: id,
    hint: `talk to them; to run it in their place: lifeboat incident ack ${id} --take-over`,
  });
}

/** @throws InputInvalid when it is resolved */
export function requireOpen({ id, resolved }: Incident): void {
  if (!resolved) return;
  const allowed = `an incident that is open: ${resolved.by} resolved it at ${resolved.at}`;
  throw new InputInvalid('incident', id, allowed, 'open a new one: `lifeboat incident open`');
}
