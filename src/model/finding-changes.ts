import type { Finding, FindingKind } from '#model/finding';

export interface FindingChanges {
  /** what is wrong now, and what nobody can judge just now */
  current: Finding[];
  /** what was not wrong before */
  raised: Finding[];
  /** what is fine again */
  ended: Finding[];
}

/**
 * What is new and what is over. A finding goes on under its key however its words change, and keeps when it began. Of
 * kinds that cannot be judged now (the server does not answer), what was wrong stays so.
 */
export function findingChanges(
  before: readonly Finding[],
  found: readonly Finding[],
  unjudged: readonly FindingKind[] = [],
): FindingChanges {
  const known = new Map(before.map((finding) => [finding.dedupe, finding]));
  const now = new Map(found.map((finding) => [finding.dedupe, goesOn(finding, known.get(finding.dedupe))]));
  for (const finding of before) {
    if (unjudged.includes(finding.kind) && !now.has(finding.dedupe)) now.set(finding.dedupe, finding);
  }
  return {
    current: [...now.values()],
    raised: [...now.values()].filter(({ dedupe }) => !known.has(dedupe)),
    ended: before.filter(({ dedupe }) => !now.has(dedupe)),
  };
}

function goesOn(finding: Finding, before: Finding | undefined): Finding {
  if (!before || before.since === null) return finding;
  if (finding.since !== null && finding.since < before.since) return finding;
  return { ...finding, since: before.since };
}
