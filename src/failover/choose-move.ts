import type { MovableFacts, MoveFacts } from '#failover/move-facts';
import { ifKnown } from '#failover/move-facts';
import type { Observed } from '#failover/observe-primary';
import { stateOf } from '#failover/observe-primary';
import type { MoveRequest } from '#failover/planned-move';
import { type FailoverGroup, otherSite } from '#model/failover-group';

/**
 * From where to where, and how:
 *
 * - `finish`: `to` has the primary already, and only the rest remains. Asked for without a site it is this, too, when the names lead
 *   elsewhere than to the primary, or the other site could not take over anyway: so a move that stopped half-way is gone on with
 * - `rehearsal`, `switchover`: asked for so
 * - `failover`: everything else
 */
export interface ChosenMove {
  mode: 'failover' | 'switchover' | 'finish' | 'rehearsal';
  from: string;
  to: string;
}

/** undefined: which site it goes to has to be said */
export function chooseMove(
  group: FailoverGroup,
  facts: MoveFacts,
  observed: Exclude<Observed, { primary: 'two' }>,
  request: MoveRequest,
): ChosenMove | undefined {
  const asked = request.to;
  const mode = request.rehearse ? 'rehearsal' : request.planned ? 'switchover' : 'failover';
  if (observed.primary === 'none') {
    const to = asked ?? standbySite(group, facts);
    return to === undefined ? undefined : { mode, from: otherSite(group, to).name, to };
  }
  const { site: primary, other } = observed;
  const finish = { mode: 'finish', from: other, to: primary } as const;
  if (asked === primary && mode !== 'rehearsal') return finish;
  if (asked === undefined && mode === 'failover' && isHalfDone(facts, primary, other)) return finish;
  return { mode, from: primary, to: asked && asked !== primary ? asked : other };
}

/** What is not as it has to be when that site has the primary; what could not be read may be so. */
export const notYet = (movables: readonly MovableFacts[], primary: string): MovableFacts[] =>
  movables.filter(({ current, wanted }) => !current.known || current.value !== wanted[primary]);

function isHalfDone({ movables, sites }: MoveFacts, primary: string, other: string): boolean {
  const astray = movables.filter(({ current, wanted }) => current.known && current.value !== wanted[primary]);
  if (astray.some(({ part }) => part === 'names')) return true;
  const canTakeOver = stateOf(sites.find(({ site }) => site === other)!) === 'standby';
  return astray.length > 0 && !canTakeOver;
}

/** The one that has a standby, else the one that did not have the primary, else where nothing is. */
function standbySite(group: FailoverGroup, { sites, standing }: MoveFacts): string | undefined {
  const of = (state: string) => sites.filter((one) => stateOf(one) === state).map(({ site }) => site);
  const standbys = of('standby');
  if (standbys.length === 1) return standbys[0];
  const last = ifKnown(standing)?.primary;
  if (last != null) return otherSite(group, last).name;
  const empty = of('absent');
  return standbys.length === 0 && empty.length === 1 ? empty[0] : undefined;
}
