import { printExposition } from '#model/exposition';
import { Failure } from '#model/failure';
import type { MetricName, MetricRecord } from '#model/metric';
import type { MetricsSettings } from '#model/metrics-settings';
import type { Measure, MeasureOptions } from '#runtime/measure';
import { resolveSecret } from '#runtime/resolve-secret';

/** Of each object that arrives, so every few seconds: too often to be pushed, and of no use a moment later. */
const notPushed: ReadonlySet<MetricName> = new Set(['ObjectVerified']);

const sideBySide = 8;

/**
 * Pushes numbers to a Prometheus Pushgateway: each source is a group of its own, in which a number replaces the one of the same
 * name and leaves the others. https://github.com/prometheus/pushgateway#api
 */
export function pushMetrics(
  { pushgateway, job }: MetricsSettings,
  { environment, onFailure, patienceMs = 5_000 }: MeasureOptions,
): Measure {
  return async (records) => {
    const groups = [
      ...Map.groupBy(
        records.filter(({ name }) => !notPushed.has(name)),
        ({ source }) => source,
      ),
    ];
    if (groups.length === 0) return;
    const signal = AbortSignal.timeout(patienceMs);
    try {
      const url =
        typeof pushgateway === 'string'
          ? pushgateway
          : await resolveSecret(pushgateway, environment, 'metrics.pushgateway');
      while (groups.length > 0) {
        await Promise.all(
          groups.splice(0, sideBySide).map(([source, own]) => pushGroup(url, { job, source, own }, signal)),
        );
      }
    } catch (failure) {
      onFailure(`metrics were not pushed: ${reasonOf(failure, patienceMs)}`);
    }
  };
}

interface Group {
  job: string;
  source: string | null;
  own: readonly MetricRecord[];
}

/** fetch refuses a URL with a user in it, so that becomes a header. @throws NotPushed, and what fetch throws */
async function pushGroup(url: string, { job, source, own }: Group, signal: AbortSignal): Promise<void> {
  if (!URL.canParse(url)) throw new NotPushed('metrics.pushgateway is no URL');
  const target = new URL(url);
  const { username, password } = target;
  target.username = '';
  target.password = '';
  const group = ['metrics', 'job', job, ...(source === null ? [] : ['source', source])].map(encodeURIComponent);
  target.pathname = `${target.pathname.replace(/\/+$/, '')}/${group.join('/')}`;
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  const response = await fetch(target, {
    method: 'POST',
    headers: {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      'user-agent': 'lifeboat',
      ...(username !== '' && { authorization: `Basic ${login}` }),
    },
    body: printExposition(own),
    redirect: 'manual',
    signal,
  });
  await response.body?.cancel().catch(() => undefined);
  if (!response.ok) throw new NotPushed(`HTTP status ${response.status}`);
}

/** Its message says no secret. */
class NotPushed extends Error {}

/** Only codes of what fetch throws: its messages may have the URL in them. */
function reasonOf(failure: unknown, patienceMs: number): string {
  if (failure instanceof NotPushed || failure instanceof Failure) return failure.message;
  if (failure instanceof Error && failure.name === 'TimeoutError') return `no answer in ${patienceMs / 1_000} s`;
  const code = failure instanceof Error && (failure.cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^[A-Z]\w+$/.test(code) ? `the request failed: ${code}` : 'the request failed';
}
