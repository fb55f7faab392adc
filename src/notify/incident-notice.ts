import { formatDuration } from '#model/duration';
import { type Incident, lastWord, runnerOf } from '#model/incident';
import type { DueMessage } from '#model/incident-messages';
import type { IncidentSettings } from '#model/incident-settings';
import type { NoticeInput } from '#model/notice';
import { shellWord } from './shell-word.ts';

type Settings = Pick<IncidentSettings, 'updateEveryMs'>;

/** What people are told of an incident. Each message is whole: whoever reads only this one knows where things stand. */
export function incidentNotice(
  incident: Incident,
  { message }: Pick<DueMessage, 'message'>,
  settings: Settings,
  now: Date,
): NoticeInput {
  switch (message.kind) {
    case 'start':
      return told(incident, 'started', [begun(incident), ...standing(incident, settings, now)]);
    case 'update':
      return told(incident, `update ${incident.updates.length}`, updated(incident, settings, now));
    case 'resolution':
      return resolution(incident);
    case 'acknowledgement':
      return acknowledgement(incident, settings, now);
    case 'reminder':
      return reminder(incident, message.quietMs);
    case 'call':
      return call(incident, message.contact.name, settings, now);
  }
}

/** The key of all that is told of it: mail programs show one conversation, and a status page one incident. */
export const incidentKey = ({ id }: Pick<Incident, 'id'>): string => `incident ${id}`;

const headOf = ({ severity, title }: Incident): string => `${severity.name} ${title}`;

const base = (incident: Incident) =>
  ({
    format: 'lifeboat-notice/1',
    subject: incident.source ?? `incident ${incident.id}`,
    since: incident.opened.at,
    dedupe: incidentKey(incident),
  }) as const;

const told = (incident: Incident, word: string, paragraphs: string[]): NoticeInput => ({
  ...base(incident),
  occasion: 'failure',
  title: `${headOf(incident)}: ${word}`,
  what: paragraphs.join('\n'),
  todo: incident.acknowledged ? null : acknowledge(incident),
});

/** Whoever knows that it is not so can undo it: nobody else is called any more. */
function acknowledgement(incident: Incident, settings: Settings, now: Date): NoticeInput {
  const { id, acknowledged } = incident;
  const { by, at } = acknowledged!;
  const what = `${by} acknowledged incident ${id} at ${clockTime(Date.parse(at))}, and runs it: no other contact is called. If that is not so, take it over.\n`;
  const notice = told(incident, `${by} runs it`, [what, ...standing(incident, settings, now)]);
  return { ...notice, todo: `lifeboat incident ack ${id} --take-over` };
}

const acknowledge = ({ id }: Incident, name?: string): string =>
  `lifeboat incident ack ${id}${name === undefined ? '' : ` --as ${shellWord(name)}`}`;

const begun = ({ id, severity, opened }: Incident): string =>
  `Incident ${id} (${severity.name}) was opened by ${opened.by}.\n`;

function updated(incident: Incident, settings: Settings, now: Date): string[] {
  const { message, by } = incident.updates.at(-1)!;
  return [`${by} reports of incident ${incident.id} (${incident.severity.name}):\n\n${message}\n`].concat(
    standing(incident, settings, now),
  );
}

function standing(incident: Incident, { updateEveryMs }: Settings, now: Date): string[] {
  const { severity, acknowledged } = incident;
  return [
    `Affected: ${affected(incident)}`,
    `Being done: ${severity.procedure}`,
    `Expected recovery: ${expectedRecovery(incident, now)}`,
    ...(incident.measuredRtoMs === null
      ? []
      : [`Measured: drills say that a recovery takes about ${formatDuration(incident.measuredRtoMs)}.`]),
    `Run by: ${acknowledged ? acknowledged.by : 'nobody yet: it is not acknowledged'}`,
    `Next update: by ${clockTime(Date.parse(lastWord(incident).at) + updateEveryMs)}`,
  ];
}

const affected = ({ source, impact }: Incident): string =>
  [source, impact].filter((part) => part !== null).join(': ') || 'not known yet';

function expectedRecovery({ opened, severity }: Incident, now: Date): string {
  const byMs = Date.parse(opened.at) + severity.rtoMs;
  const promised = `${severity.name} promises ${formatDuration(severity.rtoMs)}`;
  if (now.getTime() <= byMs) return `by ${clockTime(byMs)} (${promised})`;
  return `it was due by ${clockTime(byMs)} (${promised}), and is late by ${formatDuration(now.getTime() - byMs)}`;
}

function resolution(incident: Incident): NoticeInput {
  const { id, opened, severity } = incident;
  const resolved = incident.resolved!;
  const lastedMs = Math.max(0, Date.parse(resolved.at) - Date.parse(opened.at));
  const kept =
    lastedMs <= severity.rtoMs ? 'kept' : `missed by ${formatDuration(Math.max(0, lastedMs - severity.rtoMs))}`;
  return {
    ...base(incident),
    occasion: 'success',
    recovered: true,
    title: `${headOf(incident)}: resolved after ${formatDuration(lastedMs)}`,
    what: [
      `${resolved.by} resolved incident ${id} at ${clockTime(Date.parse(resolved.at))}:\n\n${resolved.message}\n`,
      `Was affected: ${affected(incident)}`,
      `Promised: ${formatDuration(severity.rtoMs)} (${severity.name}), ${kept}.`,
    ].join('\n'),
    todo: `lifeboat incident show ${id}`,
  };
}

function reminder(incident: Incident, quietMs: number): NoticeInput {
  const { id, updates } = incident;
  const last = updates.length === 0 ? 'since it started' : `since update ${updates.length}`;
  return {
    ...base(incident),
    occasion: 'question',
    title: `${headOf(incident)}: ${runnerOf(incident)}, an update is due`,
    what: `Nobody was told anything for ${formatDuration(quietMs)}, ${last}. People wait for news of incident ${id}, even that there is none.`,
    todo: `lifeboat incident update ${id} --message '…'\nlifeboat incident resolve ${id} --message '…'`,
  };
}

const call = (incident: Incident, name: string, settings: Settings, now: Date): NoticeInput => ({
  ...base(incident),
  occasion: 'question',
  title: `${headOf(incident)}: ${name}, nobody has acknowledged`,
  what: [begun(incident), ...standing(incident, settings, now)].join('\n'),
  todo: acknowledge(incident, name),
});

/** Whole seconds of UTC. */
export const clockTime = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
