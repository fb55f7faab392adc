import { recordEvidence } from '#catalog/evidence';
import type { ObjectStore } from '#store/object-store';
import type { RekeyOutcome } from '#tasks/rekey';

/** That somebody gave another key what opens a source: who looks after keys wants to know. */
export async function recordRekeyed(
  store: ObjectStore,
  { source, key, rewrapped, problemCount }: RekeyOutcome,
  { who, at }: { who: string; at: Date },
): Promise<void> {
  const when = at.toISOString();
  await recordEvidence(store, {
    id: `rekey/${source}/${when}`,
    who,
    what: `re-wrapped ${rewrapped} data keys of ${source} by ${key}`,
    source,
    when,
    outcome: problemCount === 0 ? 'succeeded' : 'incomplete',
    execution: null,
    planHash: null,
    approval: null,
  });
}
