import { formatDuration } from '#model/duration';
import { formatBytes } from '#model/format-bytes';
import type { Proof } from '#model/proof';

/** What a drill showed, as people are told it. */
export function describeDrill(proof: Proof): { title: string; what: string } {
  const { source, backup, verdict, target, reached, durationsMs, rawBytes, failure, checks } = proof;
  if (verdict === 'not carried out') {
    const why = failure ? `${failure.name}: ${failure.message}` : 'it did not say why';
    return {
      title: `the drill of backup ${backup} of ${source} could not be carried out`,
      what: `${why}\nThis says nothing about the backup, which stays as it was.`,
    };
  }
  const took = `files ${formatDuration(durationsMs.files)}, replay ${formatDuration(durationsMs.replay)}, checks ${formatDuration(durationsMs.checks)}`;
  const point = reached ? `reached ${reached.lsn}, last transaction ${reached.time ?? 'none'}` : 'it never ran';
  const size = `${formatBytes(rawBytes)} restored to ${target}: ${point}; ${took}`;
  if (verdict === 'proven') {
    return {
      title: `backup ${backup} of ${source} is proven`,
      what: `${size}; ${checks.length} checks are as they should be`,
    };
  }
  const wrong = checks.filter(({ ok }) => !ok).map(({ check, detail }) => `${check}: ${detail}`);
  const why = failure ? [`${failure.name}: ${failure.message}`] : [];
  return { title: `backup ${backup} of ${source} is BROKEN`, what: [...why, ...wrong, size].slice(0, 10).join('\n') };
}
