import { z } from 'zod';
import { recordEvidence } from '#catalog/evidence';
import { decisions } from '#model/approval';
import type { Deed } from '#model/evidence';
import { clip } from '#model/plain-text';
import { oneOf, text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { edge } from './edge.ts';

const approval = z.object(
  {
    decision: oneOf(decisions),
    by: z.string(),
    iam: z.string().nullish(),
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
    when: z.iso.datetime({ offset: true, error: 'an instant like 2026-11-20T05:13:45Z' }).nullish(),
    outcome: text('how it ended, like succeeded or failed'),
    execution: text("the execution's ARN").nullish(),
    planHash: text("a plan's hash").nullish(),
    approval: approval.nullish(),
  }),

  async run({ id, what, outcome, approval, ...given }, { vault, now }) {
    return recordEvidence(vault.store, {
      id,
      who: given.who ?? 'somebody',
      what: clip(what, 10_000),
      source: given.source ?? null,
      when: (given.when == null ? now() : new Date(given.when)).toISOString(),
      outcome,
      execution: given.execution ?? null,
      planHash: given.planHash ?? null,
      approval: approval ? approvalOf(approval) : null,
    });
  },
});

const approvalOf = ({ iam, reason, ...given }: GivenApproval): NonNullable<Deed['approval']> => ({
  ...given,
  ...(iam == null ? {} : { iam }),
  reason: reason ?? null,
});
