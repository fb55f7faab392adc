import type { z } from 'zod';
import { type Approver, isSamePerson } from '#model/approver';
import { oneOf, section, wholeNumber } from '#model/plan-field';

/** The machines that ask. */
const askingMachines = ['restore', 'rds-restore', 'failover', 'retention', 'system-recovery'] as const;

/** `approvals` of the plan: how many people have to say yes to what waits for one, and whether they have to say why. */
export interface ApprovalRules extends Partial<Record<(typeof askingMachines)[number], { required: number }>> {
  /** different people, for every machine that says nothing else */
  required: number;
  /** of a yes and of a no */
  reason: 'required' | 'optional';
}

/** Nobody gathers more in a night. */
export const mostRequired = 10;

const required = () => wholeNumber(1, mostRequired);
const ofMachine = () => section({ required: required() }).exactOptional();

export const approvalRules: z.ZodType<ApprovalRules> = section({
  required: required().default(1),
  reason: oneOf(['required', 'optional']).default('required'),
  restore: ofMachine(),
  'rds-restore': ofMachine(),
  failover: ofMachine(),
  retention: ofMachine(),
  'system-recovery': ofMachine(),
}).prefault({});

/** How many different people have to say yes to what this machine asks. */
export function requiredBy(machine: string, { approvals }: { approvals: ApprovalRules }): number {
  const asking = askingMachines.find((one) => one === machine);
  return (asking && approvals[asking] ? approvals[asking] : approvals).required;
}

/**
 * Where more have to say yes than ever can, nothing could be restored by a machine. Of four eyes one belongs to who asks,
 * who may be an approver. One yes is asked of whoever may give it, as without a list of approvers.
 */
export function unreachable(
  rules: ApprovalRules,
  { approvers, fourEyes }: { approvers: readonly Approver[]; fourEyes: boolean },
): { path: string[]; allowed: string }[] {
  const people = countPeople(approvers);
  const most = fourEyes ? people - 1 : people;
  const different = people === 1 ? '1 person' : `${people} different people`;
  const why = `the plan's approvers are ${different}${fourEyes ? ', and with fourEyes who asks may not answer' : ''}`;
  const given = [
    { path: ['required'], required: rules.required },
    ...askingMachines.flatMap((machine) => {
      const own = rules[machine];
      return own ? [{ path: [machine, 'required'], required: own.required }] : [];
    }),
  ];
  return given
    .filter(({ required }) => required > 1 && required > most)
    .map(({ path }) => ({ path, allowed: most > 1 ? `at most ${most}, since ${why}` : `1, since ${why}` }));
}

/** Two who have the same IAM identity answer as one. */
const countPeople = (approvers: readonly Approver[]): number =>
  approvers.filter((one, index) => !approvers.slice(0, index).some((other) => areOne(one, other, approvers))).length;

const areOne = (a: Approver, b: Approver, approvers: readonly Approver[]): boolean =>
  isSamePerson({ by: a.name, iam: a.iam }, { by: b.name, iam: b.iam }, approvers);
