import { createHash } from 'node:crypto';
import { type Incident, lastWord } from '#model/incident';
import type { IncidentContact, IncidentSettings } from '#model/incident-settings';
import type { IncidentWait } from '#model/incident-wait';

/** Something that somebody is to be told now. */
export interface DueMessage {
  /** the same for the same message: letters, digits and `-` */
  id: string;
  message:
    | { kind: 'start' | 'update' }
    | { kind: 'resolution'; called: IncidentContact[] }
    /** that somebody runs it, for which reason nobody else is called */
    | { kind: 'acknowledgement'; called: IncidentContact[] }
    /** to who runs it: people wait for an update */
    | { kind: 'reminder'; quietMs: number }
    | { kind: 'call'; contact: IncidentContact };
}

/**
 * What is to be told, in order; `told` holds the ids of what everybody concerned has taken.
 *
 * - the newest of start and updates: whoever missed an earlier one learns all from it
 * - the newest acknowledgement: it ends all calls, and who gives it is not proven, so that nobody does it unseen
 * - a contact whose time has come, while nobody has acknowledged; each once, in the plan's order
 * - who runs it, when an update is due; once for each time that one is, of which a late firing tells the last
 * - after the resolution that alone, to everybody who was told and to whoever was called
 */
export function dueMessages(
  incident: Incident,
  { contacts, updateEveryMs }: Pick<IncidentSettings, 'contacts' | 'updateEveryMs'>,
  { openMs, quietMs }: IncidentWait,
  told: ReadonlySet<string>,
): DueMessage[] {
  const idOf = (word: string) => `incident-${incident.id}-${word}`;
  const concerned = contacts.filter((contact) => contact.for.includes(incident.severity.name));
  const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);
  // by name, so that a plan whose contacts were sorted anew calls nobody twice
  const callId = ({ name }: IncidentContact) => idOf(`call-${digest(name)}`);
  const called = contacts.filter((contact) => told.has(callId(contact)));
  const untold = (messages: DueMessage[]) => messages.filter(({ id }) => !told.has(id));
  if (incident.resolved) {
    return untold([{ id: idOf('resolution'), message: { kind: 'resolution', called } }]);
  }
  const { number } = lastWord(incident);
  const word: DueMessage =
    number === 1
      ? { id: idOf('start'), message: { kind: 'start' } }
      : { id: idOf(`update-${number}`), message: { kind: 'update' } };
  const { acknowledged } = incident;
  const acknowledgements: DueMessage[] = acknowledged
    ? [
        {
          id: idOf(`ack-${digest(`${acknowledged.at} ${acknowledged.by}`)}`),
          message: { kind: 'acknowledgement', called },
        },
      ]
    : [];
  const calls = acknowledged ? [] : concerned.filter(({ afterMs }) => afterMs <= openMs);
  const missed = Math.floor(quietMs / updateEveryMs);
  return untold([
    word,
    ...acknowledgements,
    ...calls.map((contact): DueMessage => ({ id: callId(contact), message: { kind: 'call', contact } })),
    ...(missed === 0
      ? []
      : [{ id: idOf(`reminder-${number}-${missed}`), message: { kind: 'reminder' as const, quietMs } }]),
  ]);
}
