import type { Exit } from './journal-record.ts';
import { StateFailed } from './state-failed.ts';
import { causeIn, leave, typedValue, type Visit } from './state-visit.ts';

/** The way of the first rule whose condition holds; the state's own Output and Assign belong to its Default. */
export async function runChoice(visit: Visit): Promise<Exit> {
  const { state, input } = visit;
  for (const [index, rule] of state.Choices!.entries()) {
    const place = `Choices[${index}]/`;
    if (await typedValue(visit, rule.Condition, `${place}Condition`, 'boolean'))
      return leave(visit, { ...rule, next: rule.Next, place }, input);
  }
  if (state.Default !== undefined) return leave(visit, { ...state, next: state.Default }, input);
  // documented as States.NoChoiceMatched; this is what AWS does
  const cause = 'Failed to transition out of the state. The state does not point to a next state.';
  throw new StateFailed('States.Runtime', causeIn(visit, cause), 'silent');
}
