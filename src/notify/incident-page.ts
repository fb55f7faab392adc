import { formatDuration } from '#model/duration';
import { type Incident, lastWord } from '#model/incident';
import type { DueMessage } from '#model/incident-messages';
import type { IncidentSettings } from '#model/incident-settings';
import { clip } from '#model/plain-text';
import { clockTime, incidentKey } from './incident-notice.ts';
import { pageKey, type StatuspageDeed } from './to-statuspage.ts';

/**
 * What everybody may read of an incident: its title, the impact, times, and what was said for the public. Neither who runs
 * it, nor the procedure, nor what was written for colleagues. undefined: it is nothing for a page.
 */
export function incidentPage(
  incident: Incident,
  { message }: Pick<DueMessage, 'message'>,
  { updateEveryMs }: Pick<IncidentSettings, 'updateEveryMs'>,
  now: Date,
): StatuspageDeed | undefined {
  const { kind } = message;
  if (!incident.isPublic || ['acknowledgement', 'reminder', 'call'].includes(kind)) return undefined;
  const key = pageKey(incidentKey(incident));
  const { opened, severity, impact } = incident;
  if (kind === 'resolution') {
    const { at, publicMessage } = incident.resolved!;
    const lastedMs = Math.max(0, Date.parse(at) - Date.parse(opened.at));
    const body = `${sentence(publicMessage ?? 'It works again')} It lasted ${formatDuration(lastedMs)}.`;
    return { deed: 'resolve', key, body };
  }
  const dueMs = Date.parse(opened.at) + severity.rtoMs;
  const news = incident.updates.at(-1);
  const body = [
    sentence(news ? (news.publicMessage ?? 'We are still working on it') : (impact ?? 'We are looking into it')),
    `Since ${clockTime(Date.parse(opened.at))}.`,
    now.getTime() <= dueMs ? `Expected to work again by ${clockTime(dueMs)}.` : 'It takes longer than expected.',
    `Next update by ${clockTime(Date.parse(lastWord(incident).at) + updateEveryMs)}.`,
  ].join(' ');
  return { deed: kind === 'start' ? 'open' : 'update', key, name: clip(incident.title, 200), body };
}

const sentence = (text: string): string => (/[.!?…]\s*$/.test(text) ? text : `${text}.`);
