import { setTimeout as sleep } from 'node:timers/promises';
import { PromotionFailed } from '#failover/failures';
import type { PromotionOutcome } from '#failover/site-server';
import { Failure, ServerUnsuitable } from '#model/failure';
import type { Connection } from '#model/postgres-source';
import { askSiteServer, type ServerSaid } from '#runtime/ask-site-server';
import type { Environment } from '#runtime/environment';
import { withSession } from '#runtime/site-session';
import { whyPaused } from '#runtime/why-paused';

export interface Promotion {
  environment: Environment;
  waitMs: number;
  signal: AbortSignal;
}

/**
 * Make a standby the primary, or see that it is one. It replays what it has received before it becomes one, and what its
 * restore_command still has: that may take longer than `waitMs`, goes on by itself, and is looked at again.
 * @throws PromotionFailed when it does not answer before it was told, refuses, or pauses for good
 * Source: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-RECOVERY-CONTROL, pg_promote
 */
export async function promoteServer(connection: Connection, promotion: Promotion): Promise<PromotionOutcome> {
  const until = performance.now() + promotion.waitMs;
  const before = await untilAnswer(connection, promotion, until);
  if (before.role === 'primary') return promoted(before);
  await refusePaused(connection, promotion);
  await beginPromotion(connection, promotion);
  for (;;) {
    promotion.signal.throwIfAborted();
    const now = await askSiteServer(connection, { ...promotion, timeoutMs: askMs });
    if (now.state === 'answers' && now.role === 'primary') return promoted(now);
    if (performance.now() > until) break;
    await sleep(lookEveryMs);
  }
  return { done: false, timeline: null, lsn: null };
}

const askMs = 3_000;
const lookEveryMs = 50;

type Answer = Extract<ServerSaid, { state: 'answers' }>;

const promoted = ({ timeline, lsn }: Answer): PromotionOutcome => ({ done: true, timeline, lsn });

/** It may be restarting. */
async function untilAnswer(connection: Connection, promotion: Promotion, until: number): Promise<Answer> {
  for (;;) {
    promotion.signal.throwIfAborted();
    const answer = await askSiteServer(connection, { ...promotion, timeoutMs: askMs });
    if (answer.state === 'answers') return answer;
    if (performance.now() > until) throw failed(connection, `it does not answer: ${answer.why}`);
    await sleep(lookEveryMs);
  }
}

/** @throws PromotionFailed when a promotion would end it instead */
async function refusePaused(connection: Connection, promotion: Promotion): Promise<void> {
  const why = await withSession(connection, { ...promotion, timeoutMs: askMs }, whyPaused).catch(() => undefined);
  if (why !== undefined) throw failed(connection, why.problem, undefined, why.hint);
}

/** What is lost on the way may have arrived, so only an answer counts as a refusal. */
async function beginPromotion(connection: Connection, promotion: Promotion): Promise<void> {
  try {
    await withSession(connection, { ...promotion, timeoutMs: askMs }, (ask) => ask('select pg_promote(wait => false)'));
  } catch (error) {
    promotion.signal.throwIfAborted();
    const { sqlState } = error as { sqlState?: string };
    if (sqlState !== undefined && mayHaveBegun.includes(sqlState)) return;
    if (error instanceof ServerUnsuitable) throw failed(connection, error.message, error, grant(connection));
    if (error instanceof Failure && sqlState !== undefined) throw failed(connection, error.message, error);
  }
}

/**
 * object_not_in_prerequisite_state: it is a primary by now; query_canceled, admin_shutdown, crash_shutdown: the session was ended,
 * and nobody knows at which moment. https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const mayHaveBegun = ['55000', '57014', '57P01', '57P02'];

const grant = ({ user }: Connection): string =>
  `GRANT EXECUTE ON FUNCTION pg_promote TO ${user}; or promote it by hand: pg_ctl promote`;

function failed({ host, port }: Connection, why: string, cause?: unknown, hint?: string): PromotionFailed {
  const message = `the standby at ${host}:${port} does not become the primary: ${why}`;
  const detail = { operation: 'promote', subject: `${host}:${port}`, cause };
  return new PromotionFailed(message, { ...detail, hint: hint ?? 'look into its log' });
}
