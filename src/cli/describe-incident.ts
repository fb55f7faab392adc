import type { OpenIncident } from '#catalog/open-incidents';
import { formatDuration } from '#model/duration';
import { type Incident, type IncidentEntry, incidentOf, lastWord, runnerOf } from '#model/incident';
import type { IncidentSettings } from '#model/incident-settings';
import { oneLine, plainText } from '#model/plain-text';
import { clockTime } from '#notify/incident-notice';

/** Where an incident stands. */
export function describeIncident(incident: Incident, settings: Pick<IncidentSettings, 'updateEveryMs'>): string[] {
  const { id, severity, title, source, impact, opened, acknowledged, resolved, measuredRtoMs } = incident;
  const state = resolved ? 'resolved' : 'open';
  const promised = `${severity.name} promises ${formatDuration(severity.rtoMs)}`;
  const measured = measuredRtoMs === null ? '' : `; drills say about ${formatDuration(measuredRtoMs)}`;
  const recovery = `${clockTime(Date.parse(opened.at) + severity.rtoMs)} (${promised}${measured})`;
  return [
    `${id}  ${state}  ${severity.name}  ${oneLine(title)}`,
    row('affected', [source, impact].filter((part) => part !== null).join(': ') || 'not known yet'),
    row('since', `${clockTime(Date.parse(opened.at))}, opened by ${opened.by}`),
    row('procedure', severity.procedure),
    row('recovery by', recovery),
    row('run by', acknowledged ? runnerOf(incident) : 'nobody: it is not acknowledged'),
    resolved
      ? row('resolved', `${clockTime(Date.parse(resolved.at))} by ${resolved.by}`)
      : row('update by', clockTime(Date.parse(lastWord(incident).at) + settings.updateEveryMs)),
  ];
}

/** Everything that was said, oldest first. */
export const describeEntries = (entries: readonly IncidentEntry[]): string[] =>
  entries.map(({ at, by, said }) => `${clockTime(Date.parse(at))}  ${oneLine(by)}  ${wordsOf(said)}`);

/** What the last try could not tell. */
export const describeUntold = (open: OpenIncident | undefined): string[] =>
  (open?.untold ?? []).map(({ channel, reason, at }) => `NOT TOLD at ${at}: ${channel}: ${reason}`);

/** For programs. */
export const incidentJson = (entries: readonly IncidentEntry[]) => ({ ...incidentOf(entries), entries });

const row = (name: string, text: string): string => `  ${name.padEnd(11)}  ${oneLine(text)}`;

function wordsOf(said: IncidentEntry['said']): string {
  switch (said.deed) {
    case 'opened':
      return `opened it as ${said.severity.name}`;
    case 'updated':
      return `${said.severity ? `(now ${said.severity.name}) ` : ''}${indented(said.message)}`;
    case 'acknowledged':
      return 'acknowledged it';
    case 'noted':
      return indented(said.note);
    case 'resolved':
      return `resolved it: ${indented(said.message)}`;
  }
}

const indented = (text: string): string => plainText(text, 4_000).replaceAll('\n', '\n    ');
