import { z } from 'zod';
import type { DumpId } from '#model/dump-id';
import { dumpVerdicts, type ProveDumpResult, proveDumpResultSchema } from '#model/task-result';

/** What was found out about one dump, once: the record of a task `prove-dump`, or that it could not be carried out. */
export const dumpProofSchema = proveDumpResultSchema.extend({
  format: z.literal('lifeboat-dump-proof/1'),
  verdict: z.enum([...dumpVerdicts, 'not carried out']),
  /** null: from the command line */
  execution: z.string().nullable(),
});
export type DumpProof = z.infer<typeof dumpProofSchema>;

/** The record that a task's result is. */
export const proofOfDump = (result: ProveDumpResult, execution: string | null): DumpProof => ({
  format: 'lifeboat-dump-proof/1',
  ...result,
  execution,
});

export interface DumpNotProven {
  source: string;
  dump: DumpId;
  failure: { name: string; message: string };
  execution: string | null;
  startedAt: string;
  finishedAt: string;
}

/** The record of a proof that failed by itself, which says nothing about the dump. */
export const dumpNotProven = (attempt: DumpNotProven): DumpProof => ({
  format: 'lifeboat-dump-proof/1',
  ...attempt,
  ok: false,
  verdict: 'not carried out',
  restored: false,
  checks: [],
  databases: [],
  rawBytes: 0,
  durationMs: Math.max(0, Date.parse(attempt.finishedAt) - Date.parse(attempt.startedAt)),
});

export const dumpStates = ['committed', 'verified', 'proven', 'broken'] as const;
export type DumpState = (typeof dumpStates)[number];

/** How good a dump is known to be. */
export interface DumpStanding {
  state: DumpState;
  /** when the record was made that says so; null: nobody has looked yet */
  provedAt: string | null;
  /** why it is broken; null: it is not */
  failure: string | null;
}

/**
 *     committed --read back, as written--> verified --restored and checked--> proven
 *     any of them --bytes are not as written, or its restore failed--> broken
 *     broken by its bytes   --read back later, as written--> what the records say without it
 *     broken by its restore --restored later, and well--> proven
 *
 * A proof that could not be carried out changes nothing. The order in which records are given does not matter; of two at
 * the same instant the bad one decides.
 */
export function standingOfDump(records: readonly DumpProof[]): DumpStanding {
  const told = records.filter(({ verdict }) => verdict !== 'not carried out').sort(byTime);
  let standing: DumpStanding = { state: 'committed', provedAt: null, failure: null };
  let before = standing;
  let unrestorable = false;
  for (const record of told) {
    const { verdict, finishedAt: provedAt } = record;
    if (verdict === 'broken') {
      if (standing.state !== 'broken') before = standing;
      standing = { state: 'broken', provedAt, failure: describeFailure(record) };
      unrestorable ||= !isOfBytes(record);
    } else if (verdict === 'proven') {
      standing = { state: 'proven', provedAt, failure: null };
      unrestorable = false;
    } else if (standing.state === 'broken') {
      if (!unrestorable) standing = before.state === 'proven' ? before : { state: 'verified', provedAt, failure: null };
    } else if (standing.state !== 'proven') standing = { state: 'verified', provedAt, failure: null };
  }
  return standing;
}

const byTime = (a: DumpProof, b: DumpProof): number =>
  Date.parse(a.finishedAt) - Date.parse(b.finishedAt) ||
  Number(a.verdict === 'broken') - Number(b.verdict === 'broken');

/** The restore of what is not as it was written says nothing about the dump that was. */
const isOfBytes = ({ failure }: DumpProof): boolean => /^Object(?:Damaged|Missing)$/.test(failure?.name ?? '');

function describeFailure({ failure, checks }: DumpProof): string {
  const failed = checks.filter(({ ok }) => !ok).map(({ check, detail }) => `${check}: ${detail}`);
  return failure?.message ?? (failed.join('; ') || 'it gave no reason');
}
