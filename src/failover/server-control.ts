import type { FenceFacts, ServerAnswer } from '#failover/site-facts';
import type { FenceMemory, FenceOutcome } from '#failover/site-server';
import type { Connection } from '#model/postgres-source';

/**
 * By what a PostgreSQL server of our own is kept from taking writes; an adapter for each kind of `control`
 * (src/runtime/control-*.ts). As with SiteServer, every method is idempotent.
 */
export interface ServerControl {
  /** Never throws for what a server or its machine in trouble does: that is an answer. */
  look(signal: AbortSignal): Promise<ControlFacts>;

  /**
   * By what it is seen that its server is another one than that of the site's connection, which may be silent; undefined: nothing
   * speaks against it. Absent: that cannot be told from here.
   */
  elsewhere?(connection: Connection, said: ServerAnswer, signal: AbortSignal): Promise<string | undefined>;

  /** What `unfence` needs, without secrets; asked before `fence` changes anything. */
  memory(signal: AbortSignal): Promise<FenceMemory>;

  /**
   * It takes no writes any more, and this was seen.
   * `gently`: what was committed is sent to the standby first, as far as that can be.
   * @throws FenceFailed when it may still take writes
   */
  fence(options: { gently: boolean; signal: AbortSignal }): Promise<FenceOutcome>;

  /** As it was before. @throws FenceFailed when it does not take writes again */
  unfence(memory: FenceMemory, signal: AbortSignal): Promise<void>;
}

export interface ControlFacts {
  /** whether a server runs there, or its machine; null: that cannot be told from here */
  runs: boolean | null;
  /** whether there are files of a cluster; null: that cannot be told from here */
  exists: boolean | null;
  /** as its files say; absent: that cannot be told from here */
  systemId?: string;
  fence: FenceFacts;
}
