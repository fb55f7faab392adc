import type { SiteFacts } from '#failover/site-facts';
import type { Lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';

/**
 * One site's server as a move needs it. What is decided lies in src/failover; an adapter for each kind (src/runtime/open-site-server.ts)
 * does it. Every method is idempotent: called again after a kill or a lost answer, it finds what was done and goes on.
 */
export interface SiteServer {
  readonly site: string;

  /**
   * true: a gentle promotion is the whole of a switchover, since the service itself ends the old primary once the standby has all
   * of it (Aurora): then a fence tells no end, and none has to be waited for
   */
  readonly switchesItself?: boolean;

  /** Never throws for what a server in trouble does: that is an answer. */
  look(signal: AbortSignal): Promise<SiteFacts>;

  /** What `unfence` needs in order to put everything back, without secrets; asked and stored before `fence` changes anything. */
  beforeFence(signal: AbortSignal): Promise<FenceMemory>;

  /**
   * Make sure that it takes no writes any more, whatever happens next, and see that it is so.
   * `gently`: what was committed is sent to the standby first, as far as that can be.
   * @throws FenceFailed when it may still take writes
   */
  fence(options: { gently: boolean; signal: AbortSignal }): Promise<FenceOutcome>;

  /** Put everything back as it was: it takes writes again. @throws FenceFailed when it does not */
  unfence(memory: FenceMemory, signal: AbortSignal): Promise<void>;

  /**
   * Begin to make it the primary, or see that it is by now; waits at most `waitMs`. `gently`: the old one answers and is to
   * lose nothing, which is another call where the service moves the primary by itself (Aurora).
   * @throws PromotionFailed when it cannot become one
   */
  promote(options: { gently: boolean; waitMs: number; signal: AbortSignal }): Promise<PromotionOutcome>;
}

/** JSON without secrets. */
export type FenceMemory = Record<string, string | number | boolean | null | string[]>;

export interface FenceOutcome {
  strength: 'hard' | 'soft';
  /** in words */
  how: string;
  /** where its WAL ends: the standby has everything when it has received up to here; null: it could not be asked */
  end: Lsn | null;
}

export interface PromotionOutcome {
  /** false: it goes on; ask again */
  done: boolean;
  timeline: Timeline | null;
  /** where the new timeline begins, or where it is by now; null: not told */
  lsn: Lsn | null;
}
