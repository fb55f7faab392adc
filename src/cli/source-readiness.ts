import { checkDump } from '#cli/dump-readiness';
import { formatTable } from '#cli/format-table';
import type { DumpedSource } from '#model/choose-dumped';
import { Failure } from '#model/failure';
import type { PostgresSource } from '#model/postgres-source';
import { checkReadiness, connectionFailed } from '#postgres/check-readiness';
import type { Finding } from '#postgres/readiness';
import { connectOptions } from '#runtime/connect-options';
import type { Environment } from '#runtime/environment';

export interface SourceReadiness {
  source: string;
  findings: Finding[];
}

/** `here`: whether what is planned runs on this machine. */
export async function checkSources(
  sources: readonly DumpedSource[],
  environment: Environment,
  here: boolean,
): Promise<SourceReadiness[]> {
  return Promise.all(
    sources.map(async (source) => {
      const own = source.kind === 'postgres' ? await checkSource(source, environment) : [];
      const isReached = own.every(({ subject, status }) => subject !== 'connection' || status !== 'failed');
      const ofDump = isReached ? await checkDump(source, environment, here) : [];
      return { source: source.name, findings: [...own, ...ofDump] };
    }),
  );
}

/** A server that cannot be reached, or a password that is missing, is a finding like others. */
async function checkSource({ connection, slot }: PostgresSource, environment: Environment): Promise<Finding[]> {
  try {
    return await checkReadiness(await connectOptions(connection, environment), connection, slot);
  } catch (error) {
    if (error instanceof Failure) return [connectionFailed(error)];
    throw error;
  }
}

export const isReady = (ones: readonly Pick<SourceReadiness, 'findings'>[]): boolean =>
  ones.every(({ findings }) => findings.every(({ status }) => status !== 'failed'));

/** A table for each source, the hints below the lines that they belong to. */
export const describeReadiness = (sources: readonly SourceReadiness[]): string =>
  sources.map(({ source, findings }) => describeFindings('source', source, findings)).join('\n');

/** The same of anything else that the plan names. */
export function describeFindings(what: string, name: string, findings: readonly Finding[]): string {
  const lines = formatTable(findings.map(({ status, subject, found }) => ['', status, subject, found])).split('\n');
  const hints = findings.map(({ hint }) => (hint === undefined ? [] : [`             HINT: ${hint}`]));
  const failed = findings.filter(({ status }) => status === 'failed').length;
  const verdict = failed === 0 ? `${name} is ready` : `${name} is NOT ready: ${failed} of ${findings.length} failed`;
  return [`${what} ${name}`, ...lines.flatMap((line, index) => [line, ...hints[index]!]), verdict].join('\n');
}
