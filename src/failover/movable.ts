/**
 * Something outside of the database that follows the primary: a name, a setting, a capacity. Its value is text; a number of
 * capacity, too. Every method is idempotent. They throw TrafficNotMoved for what may pass, ServerUnsuitable or AuthenticationFailed
 * for what somebody has to change first.
 */
export interface Movable {
  part: 'names' | 'capacity' | 'settings';
  /** for people and records: `route53 db.example.org`, `ecs shop/web in eu-west-1` */
  what: string;
  /** whose it is: what belongs to a site that is gone need not follow; always of a capacity */
  site?: string;
  /** what it has to be when that site has the primary */
  wanted(primary: string): string;
  /** What it is now; null: there is none yet. */
  read(signal: AbortSignal): Promise<string | null>;
  /** Make it so, null: as it was when there was none. Answers what `settled` is asked about; null: everybody sees it already. */
  put(value: string | null, signal: AbortSignal): Promise<string | null>;
  /** Whether everybody sees a change by now: DNS servers, running tasks. */
  settled(change: string, signal: AbortSignal): Promise<boolean>;
  /** Whether it could be put now, without changing it: rights, quotas, limits. Problems in words; empty: it could. */
  check(signal: AbortSignal): Promise<string[]>;
}
