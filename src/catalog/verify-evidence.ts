import { readProjection } from '#catalog/change-projection';
import { type EvidenceEnd, evidenceEnd, readEvidence } from '#catalog/evidence';
import { type EvidenceFinding, walkChain } from '#catalog/evidence-chain';
import { readHeads, type StoredHead } from '#catalog/evidence-heads';
import { type EvidenceHead, isSigned } from '#model/evidence-head';
import { evidenceEndKey, evidenceHeadKey, evidenceHeadsFolder, evidenceKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

export type EvidenceCheck = {
  /** how many are as they should be, from the first on */
  records: number;
  /** absent where nothing is signed, and nobody said that it should be */
  heads?: HeadsSeen;
} & (
  | { ok: true }
  /** `key`: the first object that is not as it was, or not there; the others are in `findings` */
  | ({ ok: false; findings: EvidenceFinding[] } & EvidenceFinding)
);

export interface HeadsSeen {
  count: number;
  newest: { date: string; sequence: number; keyId: string } | null;
  /** whether the signatures were compared with keys that somebody vouches for */
  trusted: boolean;
  /** days between the first and the newest without one */
  daysWithout: string[];
}

export interface EvidenceTrust {
  /** public keys that somebody vouches for, base64 of DER; none: signatures are not judged */
  keys?: readonly string[];
  /** where these keys sign, what is older than two days has to be signed by then */
  now?: Date;
}

/** Go through all records and all signed heads, and say what is not as it was written. */
export async function verifyEvidence(
  store: ObjectStore,
  { keys = [], now }: EvidenceTrust = {},
): Promise<EvidenceCheck> {
  const stored = await readHeads(store);
  const known = await readProjection(store, evidenceEnd);
  const judged = judgeHeads(stored, known, keys);
  const signed = new Map(judged.good.map((head) => [head.sequence, head]));
  const rewritten: EvidenceFinding[] = [];
  let lastSigned = 0;
  const walk = await walkChain(store, (sequence, digest) => {
    const head = signed.get(sequence);
    if (head?.digest === digest) lastSigned = sequence;
    else if (head && rewritten.length === 0) rewritten.push(madeAnew(head, lastSigned));
  });
  const records = rewritten.length > 0 ? Math.min(lastSigned, walk.end.sequence) : walk.end.sequence;
  const findings = [
    ...rewritten,
    ...(walk.broken ? [walk.broken] : []),
    ...walk.strange,
    ...(walk.broken ? [] : cutOff(judged.good, walk.end.sequence)),
    ...judged.findings,
    ...(now && keys.length > 0 && records > 0 && !walk.broken ? await unsigned(store, judged.good.at(-1), now) : []),
  ];
  const wanted = stored.length > 0 || keys.length > 0;
  const base = { records, ...(wanted && { heads: headsSeen(judged.good, keys.length > 0) }) };
  return findings.length === 0 ? { ok: true, ...base } : { ok: false, ...base, ...findings[0]!, findings };
}

/** Which heads count, and what is wrong with the others. */
function judgeHeads(stored: readonly StoredHead[], known: EvidenceEnd, keys: readonly string[]) {
  const good: EvidenceHead[] = [];
  const findings: EvidenceFinding[] = [];
  let before: { digest: string | null; sequence: number; isGood: boolean } = {
    digest: null,
    sequence: 0,
    isGood: true,
  };
  for (const { key, date, digest, head } of stored) {
    const finding = headFinding({ key, date, head }, before, keys);
    if (finding) findings.push(finding);
    // what follows a head that was changed says so once more; what follows one that is missing is good itself
    const isGood = finding === undefined || finding.found === 'head removed';
    if (head && isGood) good.push(head);
    before = { digest, sequence: head?.sequence ?? before.sequence, isGood };
  }
  return { good, findings: [...findings, ...missingNewest(stored, known, findings)] };
}

function headFinding(
  { key, date, head }: { key: string; date: string; head: EvidenceHead | undefined },
  before: { digest: string | null; sequence: number; isGood: boolean },
  keys: readonly string[],
): EvidenceFinding | undefined {
  if (!head) return { found: 'head changed', key, problem: 'is no signed head' };
  if (head.date !== date) return { found: 'head changed', key, problem: `is the head of ${head.date}` };
  if (!isSigned(head))
    return {
      found: 'head changed',
      key,
      problem: 'has a signature that does not fit: it was changed after it was signed',
    };
  if (keys.length > 0 && !keys.includes(head.publicKey))
    return { found: 'head forged', key, problem: `is signed by ${head.keyId}, which is no key that counts here` };
  if (head.sequence < before.sequence)
    return { found: 'head changed', key, problem: `signs ${head.sequence} records, the head before it more` };
  if (head.previous === before.digest || !before.isGood) return undefined;
  const problem = `follows a head with SHA-256 ${head.previous ?? 'none'}, the one before it has ${before.digest ?? 'none: there is none'}: one between them was removed`;
  return { found: 'head removed', key, problem };
}

/** Nothing follows the newest; that there was one the catalog knows. */
function missingNewest(
  stored: readonly StoredHead[],
  { head }: EvidenceEnd,
  findings: readonly EvidenceFinding[],
): EvidenceFinding[] {
  if (!head) return [];
  const found = stored.find(({ date }) => date === head.date);
  const key = evidenceHeadKey(head.date);
  if (!found) return [{ found: 'head removed', key, problem: `is missing: ${evidenceEndKey} knows of it` }];
  if (found.digest === head.digest || findings.some((finding) => finding.key === key)) return [];
  const problem = `was changed: its SHA-256 is ${found.digest}, ${evidenceEndKey} says ${head.digest}`;
  return [{ found: 'head changed', key, problem }];
}

function madeAnew({ sequence, date, digest }: EvidenceHead, lastSigned: number): EvidenceFinding {
  const where = `somewhere from record ${lastSigned + 1} on the chain was made anew`;
  const problem = `is not what was signed on ${date}, when it had the SHA-256 ${digest}: ${where}`;
  return { found: 'rewritten', key: evidenceKey(sequence), problem };
}

function cutOff(heads: readonly EvidenceHead[], records: number): EvidenceFinding[] {
  const beyond = heads.find(({ sequence }) => sequence > records);
  if (!beyond) return [];
  const problem = `is missing: ${evidenceHeadKey(beyond.date)} signs records up to ${beyond.sequence}`;
  return [{ found: 'cut off', key: evidenceKey(records + 1), problem }];
}

/** A head a day, and two of them for a night in which nobody could sign. */
const longestMs = 2 * 86_400_000;

async function unsigned(store: ObjectStore, newest: EvidenceHead | undefined, now: Date): Promise<EvidenceFinding[]> {
  const isLate = (at: string) => now.getTime() - Date.parse(at) > longestMs;
  if (newest) {
    const problem = `is the newest signed head, of ${newest.at}: later ones were removed, or nothing has signed since`;
    return isLate(newest.at) ? [{ found: 'unsigned', key: evidenceHeadKey(newest.date), problem }] : [];
  }
  for await (const { when } of readEvidence(store)) {
    const problem = `has no signed head, the first record is of ${when}, and the plan has one signed each day`;
    return isLate(when) ? [{ found: 'unsigned', key: evidenceHeadsFolder, problem }] : [];
  }
  return [];
}

function headsSeen(heads: readonly EvidenceHead[], trusted: boolean): HeadsSeen {
  const newest = heads.at(-1);
  return {
    count: heads.length,
    newest: newest ? { date: newest.date, sequence: newest.sequence, keyId: newest.keyId } : null,
    trusted,
    daysWithout: heads.flatMap(({ date }, index) => (index === 0 ? [] : daysBetween(heads[index - 1]!.date, date))),
  };
}

const dayMs = 86_400_000;

function daysBetween(after: string, until: string): string[] {
  const days: string[] = [];
  for (let at = Date.parse(after) + dayMs; at < Date.parse(until) && days.length < 1_000; at += dayMs)
    days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}
