import { createHash } from 'node:crypto';
import { formatDuration } from '#model/duration';
import { formatBytes } from '#model/format-bytes';
import { oneLine, plainText } from '#model/plain-text';
import type { Application, RecoverySystem, SystemSetting } from '#model/recovery-system';
import type { RestoreRequest } from '#model/restore-request';
import { leftOutWords, stopWords } from '#recovery/describe-plan';
import type { RecoveryPlan } from '#recovery/recovery-plan';

/** One source of a system as it was planned: pinned, with a hash of its own, which the task that restores it compares. */
export interface PlannedSource {
  source: string;
  after: readonly string[];
  request: RestoreRequest;
  planHash: string;
  plan: RecoveryPlan;
  estimate: { ms: number; basis: string };
}

/**
 * What people approve: all that the plan file says of the system, and each source's own plan in the order in which they are
 * restored. SHA-256, hexadecimal.
 */
export const systemHash = (
  system: RecoverySystem,
  sources: readonly Pick<PlannedSource, 'source' | 'planHash'>[],
): string =>
  createHash('sha256')
    .update(JSON.stringify([sorted(system), sources.map(({ source, planHash }) => [source, planHash])]))
    .digest('hex');

/** As a person reads it before saying yes; at most 4,000 characters. */
export function describeSystem(
  system: RecoverySystem,
  sources: readonly PlannedSource[],
  { planHash, time, reason }: { planHash: string; time: string | undefined; reason: string | undefined },
): string {
  const total = sources.reduce((sum, { estimate }) => sum + estimate.ms, 0);
  const { applications, settings, health } = system;
  const names = (parts: readonly string[]) => (parts.length === 0 ? 'nothing' : parts.join(', '));
  const lines = [
    `system recovery plan ${planHash.slice(0, 12)} for ${system.name}`,
    `  target       ${time === undefined ? 'the latest point of each source' : `${oneLine(time)}, the same for all`}`,
    `  estimated    ${formatDuration(total)} for ${sources.length === 1 ? 'one source' : `${sources.length} sources, one after the other`}`,
    // at the top: what is named here is kept while people are asked, however long the text is
    `  restores     ${sources.map(({ source, plan }) => `${source} from ${plan.chain.at(-1)}`).join(', then ')}`,
    `  stops        ${names(applications.toReversed().map((one) => `${applicationWords(one)} (to ${one.idle})`))}`,
    ...sources.map((one, index) => sourceWords(one, system, index + 1)),
    `  sets         ${names(settings.map((one) => `${settingWords(one)} = ${oneLine(one.value, 80)}`))}`,
    `  starts       ${names(applications.map((one) => `${applicationWords(one)} (to ${one.active})`))}`,
    `  asks         ${names(health.map(({ check }) => oneLine(check.name, 80)))}${health.length === 0 ? '' : `, for ${formatDuration(system.healthyWithinMs)} at most`}`,
    ...(reason === undefined ? [] : [`  because      ${oneLine(reason)}`]),
  ];
  return plainText(lines.join('\n'), 4000);
}

function sourceWords(
  { source, after, request, plan, estimate }: PlannedSource,
  system: RecoverySystem,
  number: number,
) {
  const { start } = system.sources.find((one) => one.source === source)!;
  const inTheWay = request.setAside ? ', what lies there is set aside' : '';
  const begins =
    start === undefined ? 'not started' : `started${start.port === undefined ? '' : ` on port ${start.port}`}`;
  return [
    `  ${String(number).padEnd(2)} ${source}${after.length === 0 ? '' : `, after ${after.join(', ')}`}`,
    `     to ${request.to}${inTheWay}, then ${begins}`,
    `     stops at ${stopWords(plan)}; left out: ${leftOutWords(plan)}`,
    `     writes ${formatBytes(plan.rawBytes)}, about ${formatDuration(estimate.ms)} (${estimate.basis})`,
  ].join('\n');
}

export function applicationWords(one: Application): string {
  if (one.kind === 'file') return `file ${one.path}`;
  if (one.kind === 'ecs') return `ecs ${one.cluster}/${one.service}`;
  if (one.kind === 'autoscaling') return `autoscaling ${one.group}`;
  return `deployment ${one.namespace}/${one.name}`;
}

function settingWords(one: SystemSetting): string {
  if (one.kind === 'file') return `file ${one.path}`;
  if (one.kind === 'ssm') return `ssm ${one.parameter}`;
  if (one.kind === 'secret') return `secret ${one.secret} ${one.field}`;
  return `configmap ${one.namespace}/${one.name} ${one.key}`;
}

/** The same for the same content, in whatever order its keys come. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).map(([key, one]) => [key, sorted(one)] as const);
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}
