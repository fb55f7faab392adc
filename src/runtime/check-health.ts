import type { FailoverGroup } from '#model/failover-group';
import type { HealthCheck } from '#model/failover-health';
import { InputInvalid } from '#model/failure';
import type { ManagedSource } from '#model/managed-source';
import { oneLine } from '#model/plain-text';
import type { PostgresSource } from '#model/postgres-source';
import { askSql } from '#runtime/ask-sql';
import type { Environment } from '#runtime/environment';
import { getPage } from '#runtime/get-page';
import { firstValue } from '#runtime/prometheus-value';

export interface HealthResult {
  name: string;
  ok: boolean;
  /** what was found, and what was expected where that differs; in words, without secrets */
  found: string;
}

export interface HealthWorld {
  /** absent: it is of no group */
  group?: FailoverGroup;
  /** the name of the one that has the primary by now */
  site: string;
  /** the group's: its connection is the name that moves */
  source: Pick<PostgresSource | ManagedSource, 'name' | 'connection'>;
  environment: Environment;
  signal: AbortSignal;
}

/** Each check has so long, all of it. */
const timeoutMs = 5_000;

type Finding = Omit<HealthResult, 'name'>;
type Check<Kind> = Extract<HealthCheck, { kind: Kind }>;

/** One check, once. A check that cannot be made is not healthy and says why; it throws only what `signal` was aborted with. */
export async function checkHealth(check: HealthCheck, world: HealthWorld): Promise<HealthResult> {
  return { name: check.name, ...(await findingOf(check, world)) };
}

function findingOf(check: HealthCheck, world: HealthWorld): Promise<Finding> {
  switch (check.kind) {
    case 'http':
      return checkHttp(check, world);
    case 'sql':
      return checkSql(check, world);
    case 'prometheus':
      return checkPrometheus(check, world);
  }
}

async function checkHttp({ url, status, match }: Check<'http'>, { site, signal }: HealthWorld): Promise<Finding> {
  const address = typeof url === 'string' ? url : url[site];
  if (address === undefined) return bad(`the plan has no URL for ${site}`);
  const answer = await getPage(address, { signal, timeoutMs });
  if (!answer.answered) return bad(answer.why);
  const found = `status ${answer.status}`;
  if (answer.status !== status) return bad(`${found}, expected ${status}`);
  if (match === undefined) return { ok: true, found };
  if (!new RegExp(match).test(answer.body)) return bad(`${found}, but its body does not match ${match}`);
  return { ok: true, found: `${found}, its body matches` };
}

async function checkSql({ database, query, expect }: Check<'sql'>, world: HealthWorld): Promise<Finding> {
  const { connection } = world.source;
  if (connection === undefined) return bad(`source ${world.source.name} has no connection in the plan`);
  const asked = { connection: { ...connection, database }, query, timeoutMs };
  const answer = await askSql(asked, world).catch((failure: Error) => {
    world.signal.throwIfAborted();
    return failure;
  });
  if (answer instanceof InputInvalid) return bad(answer.message);
  if (answer instanceof Error) return bad(oneLine(answer.message, 300));
  if (answer.inRecovery) return bad('what the name leads to is a standby');
  const expected = typeof expect === 'boolean' ? (expect ? 't' : 'f') : String(expect);
  const found = answer.value === undefined ? 'no row' : (answer.value ?? 'null');
  return found === expected
    ? { ok: true, found: oneLine(found, 100) }
    : bad(`found ${oneLine(found, 100)}, expected ${expected}`);
}

async function checkPrometheus({ url, query, below }: Check<'prometheus'>, { signal }: HealthWorld): Promise<Finding> {
  const address = new URL(url);
  address.pathname = `${address.pathname.replace(/\/+$/, '')}/api/v1/query`;
  address.searchParams.set('query', query);
  const answer = await getPage(address, { signal, timeoutMs });
  if (!answer.answered) return bad(answer.why);
  const value = firstValue(answer.body);
  if (typeof value === 'string') return bad(answer.status === 200 ? value : `status ${answer.status}: ${value}`);
  return value < below ? { ok: true, found: String(value) } : bad(`found ${value}, expected less than ${below}`);
}

const bad = (found: string): Finding => ({ ok: false, found });
