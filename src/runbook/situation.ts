/**
 * Something that happens to a person's data, and what that person does: data alone, so that all of it can be checked against
 * the commands and the machines that there are. In each text
 *
 *     $SOURCE             is filled in with what the plan, the bucket or the person says (words.ts)
 *     {restore/Look again}  is a state of a machine, as its definition calls it
 *     `lifeboat window`   is a command, as in the table of commands
 */
export interface Situation {
  name: string;
  title: string;
  /** how it is known */
  know: readonly Line[];
  /** what makes it worse; before everything else */
  never: readonly Line[];
  /** what somebody has to weigh: loss, time, another way */
  decide: readonly Line[];
  steps: readonly Step[];
  check: readonly Line[];
  /** how it is stopped, or taken back */
  back: readonly Line[];
  over: readonly Line[];
}

/** A sentence, or one that is only true in some places. */
export type Line = string | { say: string; when: readonly Condition[] };

export interface Step {
  do: string;
  /** commands, word by word, in their order */
  run?: readonly (readonly string[])[];
  /** its last command ends when the steps after it are done: those need another terminal */
  waits?: true;
  /** what waits in the other terminal has to end before the next step */
  ends?: true;
  /** one of two ways: which one it belongs to, in words */
  only?: string;
  /** all of these hold */
  when?: readonly Condition[];
}

/** Of the source that is meant, and of what runs the plan. */
export type Condition = (typeof conditions)[number];

export const conditions = [
  'postgres',
  'rds',
  /** of RDS: one of its own, or one of Aurora or Multi-AZ */
  'instance',
  'cluster',
  /** no stack is meant: `lifeboat up` runs the plan, or nothing does */
  'daemon',
  'stack',
  'approvers',
  'noApprovers',
  /** the plan has dumps of the source */
  'dumps',
  'recoveryRegion',
  'noRecoveryRegion',
  /** the plan has a second site for it */
  'group',
  'noGroup',
  'keyFile',
  'kms',
] as const;

export const holdsIn = (when: readonly Condition[] | undefined, conditions: ReadonlySet<Condition>): boolean =>
  (when ?? []).every((condition) => conditions.has(condition));
