import { type EvidenceCheck, verifyEvidence } from '#catalog/verify-evidence';
import type { CommandContext } from '#cli/command';
import { resolvePath } from '#runtime/environment';
import { openStoreAt } from '#runtime/open-bucket';
import { trustedKeys } from '#runtime/open-signer';
import { readPublicKeys } from '#runtime/signing-key';
import type { ObjectStore } from '#store/object-store';

export interface CheckedEvidence {
  store: ObjectStore;
  check: EvidenceCheck;
  /** what was found, one line each */
  told: string[];
}

/** `publicKeys`: files with the keys that count, in place of those that the plan names. @throws KeyUnusable, StoreUnavailable */
export async function checkEvidence(
  publicKeys: readonly string[],
  { plan, environment, cwd, now }: CommandContext,
): Promise<CheckedEvidence> {
  const read = await plan();
  const store = await openStoreAt(read.bucket, environment);
  const files = publicKeys.map((path) => resolvePath(path, cwd, environment));
  const keys =
    files.length > 0 ? (await Promise.all(files.map(readPublicKeys))).flat() : await trustedKeys(read, environment);
  const check = await verifyEvidence(store, { keys, now: now() });
  return { store, check, told: tell(check, keys.length > 0) };
}

function tell({ records, heads, ...check }: EvidenceCheck, trusted: boolean): string[] {
  if (!check.ok) {
    const lines = check.findings.map(({ found, key, problem }) => `${found.toUpperCase()}: ${key} ${problem}`);
    return [`THE EVIDENCE IS NOT AS IT WAS WRITTEN; good are the first ${records} records`, ...lines];
  }
  return [`${records} records, an unbroken chain`, ...signedLines(records, heads, trusted)];
}

function signedLines(records: number, heads: EvidenceCheck['heads'], trusted: boolean): string[] {
  const { newest, count, daysWithout } = heads ?? { newest: null, count: 0, daysWithout: [] };
  if (!newest) {
    const yet = records === 0 ? 'nothing is recorded yet' : 'it is done once a day, soon after midnight UTC';
    const why = trusted ? yet : 'the plan names no key (evidence)';
    return [`not signed${trusted ? ' yet' : ''}: ${why}; who may write to the bucket could make the chain anew`];
  }
  const rest = records - newest.sequence;
  return [
    trusted
      ? `${count} signed heads, the newest of ${newest.date} by ${newest.keyId}; ${rest} records since`
      : `${count} signed heads, whose keys nobody here vouches for: name them with --public-key FILE`,
    ...(daysWithout.length > 0 ? [`no head was signed on ${listed(daysWithout)}`] : []),
  ];
}

const listed = (days: readonly string[]): string =>
  days.length <= 5 ? days.join(', ') : `${days.length} days between ${days[0]} and ${days.at(-1)}`;
