import { askedBy } from '#cli/asked-by';
import type { CommandContext } from '#cli/command';
import { answerLines, describeWhole } from '#cli/describe-question';
import { openMachines, stateOption, whoAsks } from '#cli/open-machines';
import { samePlace } from '#cli/same-place';
import { ApprovalRefused, namesOf, provesIdentity } from '#model/approval';
import { approvalText } from '#model/caller-proof';
import { InputInvalid } from '#model/failure';
import type { Machines } from '#runtime/machines';

/** What approve and reject take. */
export const answerInput = {
  arguments: { execution: { summary: 'the execution that asks (`lifeboat status` shows it)' } },
  options: {
    plan: {
      flags: '--plan-hash <hash>',
      summary: 'or --plan behind the command: hash of the plan that is answered, at least 12 digits',
      parse: parseHash,
    },
    reason: { flags: '--reason <text>', summary: 'why; kept as evidence (not needed where the plan says so)' },
    as: { flags: '--as <name>', summary: 'who answers (default: the user; on AWS, the identity)' },
    state: stateOption,
  },
} as const;

interface Answer {
  decision: 'approve' | 'reject';
  execution: string;
  plan: string | undefined;
  reason: string | undefined;
  as: string | undefined;
  state: string | undefined;
}

export async function giveAnswer(answer: Answer, context: CommandContext): Promise<void> {
  const { decision, execution, plan, reason, state } = answer;
  if (plan === undefined) return showPlan({ decision, execution, state }, context);
  const machines = await openMachines(context, state);
  try {
    const { arn, name, status } = await machines.describe(execution);
    if (status !== 'RUNNING') throw over(name, status);
    const by = answer.as ?? (await whoAsks(context, machines));
    const given = { execution: arn, decision, plan, by, ...(reason === undefined ? {} : { reason }) };
    const proof = await proofOf({ execution: arn, decision, plan }, machines, context);
    const taken = await machines.invoke('answer-approval', { ...given, ...proof });
    context.output.print(describeTaken(name, decision, taken as Taken), taken ?? given);
  } finally {
    machines.close();
  }
}

/** Who names no plan has not read it: it is shown, and nothing is answered. @throws InputInvalid; what openMachines throws */
async function showPlan(
  { decision, execution, state }: Pick<Answer, 'decision' | 'execution' | 'state'>,
  context: CommandContext,
): Promise<never> {
  const machines = await openMachines(context, state);
  try {
    const standing = await machines.describe(execution);
    if (standing.status !== 'RUNNING') throw over(standing.name, standing.status);
    const { open, questions, lines } = await askedBy(standing, context);
    const place = samePlace(context, { kind: machines.kind, state });
    if (open) context.output.print(describeWhole(open, place).join('\n'), questions.at(-1));
    const unread = lines.length > 0 && questions.length === 0 ? `; its plan ${lines[0]}` : '';
    const hint = open
      ? `nothing was answered: read the plan, then: ${answerLines(open, place)[decision === 'approve' ? 0 : 1]}`
      : `${standing.name} asks nothing just now${unread}`;
    throw new InputInvalid('--plan', undefined, 'the hash of the plan that is answered', hint);
  } finally {
    machines.close();
  }
}

/** What answer-approval says of it; an earlier version's says less. */
interface Taken {
  by: string;
  iam?: string;
  yes?: string[];
  missing?: number;
  untold?: string;
}

function describeTaken(name: string, decision: Answer['decision'], taken: Taken): string {
  const { by, iam, yes = [], missing = 0, untold } = taken;
  const who = iam === undefined || iam === by ? by : `${by} (${iam})`;
  if (missing > 0) {
    const all = `${name} has the yes of ${namesOf(yes.map((one) => ({ by: one })))}: ${missing} more ${missing === 1 ? 'has' : 'have'} to say yes`;
    return untold === undefined ? all : `${all}\nwho may could not be told, so tell them: ${untold}`;
  }
  if (decision === 'reject') return `${name} is rejected by ${who}; nothing was touched`;
  const before = yes.filter((one) => one !== by).map((one) => ({ by: one }));
  return `${name} is approved by ${namesOf([...before, { by: who }])}: follow it with \`lifeboat executions ${name}\``;
}

/** On AWS it is proven who answers; by a daemon, where its plan asks for that. The proof is for this answer alone. */
async function proofOf(
  answer: { execution: string; decision: 'approve' | 'reject'; plan: string },
  machines: Machines,
  { environment, writtenPlan }: CommandContext,
): Promise<object> {
  const isAsked = machines.kind === 'stack' || (await writtenPlan().then(provesIdentity, () => false));
  if (!isAsked) return {};
  const { proveCaller } = await import('#runtime/prove-caller');
  return { proof: await proveCaller(approvalText(answer), environment) };
}

/** What was answered before it ended says nothing now: nothing follows from it. */
const over = (name: string, status: string): ApprovalRefused =>
  new ApprovalRefused(`${name} does not wait for an answer: it is ${status}`, {
    operation: 'answer question',
    subject: name,
    hint: `see \`lifeboat executions ${name}\`, and start it again to be asked again`,
  });

function parseHash(text: string, field: string): string {
  if (/^[0-9a-f]{12,64}$/.test(text)) return text;
  throw new InputInvalid(field, text, 'the 12 to 64 hexadecimal digits that the plan shows');
}
