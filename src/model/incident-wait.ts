import { type Incident, lastWord } from '#model/incident';

/** How long an incident has been open and people were told nothing, as it was counted minute by minute. */
export interface IncidentWait {
  /** ISO 8601, of the last count */
  at: string;
  openMs: number;
  /** since the entry with this number */
  quietMs: number;
  entry: number;
}

/**
 * Count on. Entries have other hosts' times and clocks are set: what has been counted never becomes less, a clock that was
 * set back costs the time between two counts and not more, and one that was late or set ahead counts as time that passed.
 */
export function countOn(before: IncidentWait | undefined, incident: Incident, now: Date): IncidentWait {
  const since = (at: string): number => Math.max(0, now.getTime() - Date.parse(at));
  const passedMs = since(before?.at ?? incident.opened.at);
  const word = lastWord(incident);
  const goesOn = before !== undefined && before.entry === word.number;
  return {
    at: now.toISOString(),
    openMs: (before?.openMs ?? 0) + passedMs,
    // of an update since then, at most what has passed since then
    quietMs: goesOn ? before.quietMs + passedMs : before ? Math.min(since(word.at), passedMs) : since(word.at),
    entry: word.number,
  };
}
