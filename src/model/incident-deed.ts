import type { Deed } from '#model/evidence';
import type { IncidentEntry } from '#model/incident';

/** What was said of an incident of that source, as a record of the evidence; the same id for the same entry. */
export const incidentDeed = ({ incident, number, by, at, said }: IncidentEntry, source: string | null): Deed => ({
  id: `incident/${incident}/${number}`,
  who: by,
  what: `incident ${incident}: ${wordsOf(said)}`,
  source,
  when: at,
  outcome: said.deed,
  ...{ execution: null, planHash: null, approval: null },
});

function wordsOf(said: IncidentEntry['said']): string {
  switch (said.deed) {
    case 'opened':
      return `opened as ${said.severity.name}: ${said.title}`;
    case 'updated':
      return `${said.severity === null ? '' : `now ${said.severity.name}: `}${said.message}`;
    case 'acknowledged':
      return 'acknowledged';
    case 'noted':
      return said.note;
    case 'resolved':
      return `resolved: ${said.message}`;
  }
}
