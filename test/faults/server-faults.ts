import { FenceFailed, PromotionFailed, TrafficNotMoved } from '#failover/failures';
import type { Movable } from '#failover/movable';
import type { SiteServer } from '#failover/site-server';
import { ConnectionFailed } from '#model/failure';
import type { WriteWatch } from './write-watch.ts';

/** What goes wrong at the servers and around them, as long as it stands there. */
export interface ServerFaults {
  /** nothing keeps the server from taking writes, and nothing is done to it */
  fenceFails?: boolean;
  /** seen from here nothing can keep the server from taking writes: its machine cannot be reached */
  unfenceable?: boolean;
  /** the promotion happens, and its answer is lost so often */
  promotionAnswersLost?: number;
  /** the standby refuses, and stays one */
  promotionRefused?: boolean;
  /** so often a change of a name is not seen by everybody yet */
  namesPending?: number;
  namesRefused?: boolean;
}

const detail = { operation: 'test', subject: 'server', hint: 'it is meant' };

/** Notes each promotion before it begins: from then on nobody else may take a row. */
export function withServerFaults(server: SiteServer, faults: () => ServerFaults, watch: WriteWatch): SiteServer {
  return {
    site: server.site,
    async look(signal) {
      const facts = await server.look(signal);
      const isPrimary =
        facts.server.state === 'silent' || (facts.server.state === 'answers' && facts.server.role === 'primary');
      if (!faults().unfenceable || !isPrimary) return facts;
      return {
        ...facts,
        fence: { ...facts.fence, fenced: false, possible: false, how: 'its machine cannot be reached' },
      };
    },
    beforeFence: (signal) => server.beforeFence(signal),
    async fence(options) {
      if (faults().fenceFails || faults().unfenceable)
        throw new FenceFailed('nothing that was tried keeps it from taking writes', detail);
      return server.fence(options);
    },
    async unfence(memory, signal) {
      watch.promoting(server.site);
      await server.unfence(memory, signal);
    },
    async promote(options) {
      if (faults().promotionRefused) throw new PromotionFailed('it is not allowed to become a primary', detail);
      watch.promoting(server.site);
      const outcome = await server.promote(options);
      const now = faults();
      if ((now.promotionAnswersLost ?? 0) === 0) return outcome;
      now.promotionAnswersLost!--;
      throw new ConnectionFailed('it did not say in time whether it is promoted', detail);
    },
  };
}

export function withMovableFaults(movable: Movable, faults: () => ServerFaults): Movable {
  if (movable.part !== 'names') return movable;
  return new Proxy(movable, {
    get(target, property) {
      if (property === 'put')
        return async (value: string | null, signal: AbortSignal) => {
          if (faults().namesRefused) throw new TrafficNotMoved('the zone takes no change now', detail);
          const change = await target.put(value, signal);
          return (faults().namesPending ?? 0) > 0 ? 'pending' : change;
        };
      if (property === 'settled')
        return async (change: string, signal: AbortSignal) => {
          const now = faults();
          if ((now.namesPending ?? 0) > 0) now.namesPending!--;
          return (now.namesPending ?? 0) === 0 && (change === 'pending' || target.settled(change, signal));
        };
      const value = Reflect.get(target, property) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
