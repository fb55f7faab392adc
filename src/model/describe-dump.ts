import type { DumpProof } from '#model/dump-proof';
import { formatDuration } from '#model/duration';
import { formatBytes } from '#model/format-bytes';
import type { DumpResult } from '#model/task-result';

/** A dump that was committed, as people are told it. */
export function describeDump(result: DumpResult): { title: string; what: string } {
  const { source, dump, databases, rawBytes, storedBytes, durationMs, warnings } = result;
  const size = `${formatBytes(rawBytes)} dumped in ${formatDuration(durationMs)}, stored as ${formatBytes(storedBytes)}`;
  return {
    title: `dump ${dump} of ${source} is committed`,
    what: [`${databasesOf(databases)}: ${size}`, ...warnings.slice(0, 10)].join('\n'),
  };
}

/** What reading a dump back and restoring it showed, as people are told it. */
export function describeDumpProof(proof: DumpProof): { title: string; what: string } {
  const { source, dump, verdict, failure, checks, databases, rawBytes, durationMs } = proof;
  const of = `dump ${dump} of ${source}`;
  if (verdict === 'not carried out') {
    const why = failure ? `${failure.name}: ${failure.message}` : 'it did not say why';
    return {
      title: `${of} could not be looked at`,
      what: `${why}\nThis says nothing about the dump, which stays as it was.`,
    };
  }
  const took = formatDuration(durationMs);
  if (verdict === 'verified')
    return { title: `${of} is verified`, what: `${formatBytes(rawBytes)} read back in ${took}, as they were written` };
  const tables = databases.reduce((sum, one) => sum + one.tables, 0);
  const size = `${databasesOf(databases.map(({ name }) => name))} restored in ${took}, with ${counted(tables, 'table')}`;
  if (verdict === 'proven')
    return {
      title: `${of} is proven`,
      what: `${size}; ${checks.length === 1 ? '1 check is as it' : `${checks.length} checks are as they`} should be`,
    };
  const wrong = checks.filter(({ ok }) => !ok).map(({ check, detail }) => `${check}: ${detail}`);
  const why = failure ? [`${failure.name}: ${failure.message}`] : [];
  return {
    title: `${of} is BROKEN`,
    what: [...why, ...wrong.slice(0, 8), ...(databases.length > 0 ? [size] : [])].join('\n'),
  };
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** Some names are enough to know which it is. */
function databasesOf(names: readonly string[]): string {
  if (names.length === 0) return 'no database';
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${names.length} databases (${shown}, …)` : shown;
}
