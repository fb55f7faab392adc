import { hostname } from 'node:os';
import { z } from 'zod';
import { recordEvidence } from '#catalog/evidence';
import { storedAt } from '#catalog/stored-at';
import { decisions } from '#model/approval';
import { type Deed, detailsSchema, type EvidenceDetails } from '#model/evidence';
import { clip } from '#model/plain-text';
import { listOf, oneOf, text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { edge } from './edge.ts';

const instant = () => z.iso.datetime({ offset: true, error: 'an instant like 2026-11-20T05:13:45Z' });

const approval = z.object(
  {
    decision: oneOf(decisions),
    by: z.string(),
    iam: z.string().nullish(),
    slack: z.string().nullish(),
    at: z.string(),
    reason: z.string().nullish(),
  },
  'an answer',
);
type GivenApproval = z.infer<typeof approval>;

/** Who did what, when, and how it ended, for good. The same id again records nothing more. */
export const handler = edge({
  name: 'record-evidence',
  input: fields({
    id: text('what names this deed for good', /^[\s\S]{1,1000}$/),
    who: text('who did it').nullish(),
    what: text('what was done, in words'),
    source: text('the name of a source').nullish(),
    when: instant().nullish(),
    outcome: text('how it ended, like succeeded or failed'),
    execution: text("the execution's ARN").nullish(),
    planHash: text("a plan's hash").nullish(),
    approval: approval.nullish(),
    /** where several were asked: all of their answers, oldest first */
    approvals: listOf(approval, 'answers').nullish(),
    details: detailsSchema.nullish(),
    startedAt: instant().nullish(),
    /** where it was asked for */
    from: text('a host, or the ARN of who asked').nullish(),
  }),

  async run({ id, what, outcome, approval, ...given }, { plan, vault, environment, now }) {
    const when = given.when == null ? now() : new Date(given.when);
    const source = given.source ?? null;
    return recordEvidence(vault.store, {
      id,
      who: given.who ?? 'somebody',
      what: clip(what, 10_000),
      source,
      when: when.toISOString(),
      outcome,
      execution: given.execution ?? null,
      planHash: given.planHash ?? null,
      approval: approval ? approvalOf(approval) : null,
      ...(given.details ? { details: withPlace(given.details, source, plan.bucket) } : {}),
      ...(given.startedAt == null ? {} : lasting(new Date(given.startedAt), when)),
      ...placeAsked(given, environment.LIFEBOAT_STACK),
      ...(given.approvals?.length ? { approvals: given.approvals.map(approvalOf) } : {}),
    });
  },
});

/** Locally only who is on this machine can ask; in AWS whoever asks has an identity, which CloudTrail has, too. */
function placeAsked(
  { from, who }: { from?: string | null | undefined; who?: string | null | undefined },
  stack: string | undefined,
) {
  if (from != null) return { from: clip(from, 1_000) };
  if (who === 'schedule' || who?.startsWith('arn:')) return { from: clip(who, 1_000) };
  return stack ? {} : { from: hostname() };
}

const lasting = (startedAt: Date, when: Date): Pick<Deed, 'startedAt' | 'durationMs'> => ({
  startedAt: startedAt.toISOString(),
  durationMs: Math.max(0, when.getTime() - startedAt.getTime()),
});

/** A machine knows the name of what it stored, and not where the bucket is. */
function withPlace(details: EvidenceDetails, source: string | null, bucket: string): EvidenceDetails {
  if (details.kind !== 'backup' || details.object === null || details.storedAt !== null || source === null)
    return details;
  return { ...details, storedAt: storedAt(bucket, source, details.object) };
}

const approvalOf = ({ iam, slack, reason, ...given }: GivenApproval): NonNullable<Deed['approval']> => ({
  ...given,
  ...(iam == null ? {} : { iam }),
  ...(slack == null ? {} : { slack }),
  reason: reason ?? null,
});
