import type { CommandContext } from '#cli/command';
import { openDaemon, stateOption, whoAsks } from '#cli/daemon';
import { ApprovalRefused } from '#model/approval';
import { InputInvalid } from '#model/failure';

/** What approve and reject take. */
export const answerInput = {
  arguments: { execution: { summary: 'the execution that asks (`lifeboat status` shows it)' } },
  options: {
    plan: {
      flags: '--plan-hash <hash>',
      summary: 'or --plan behind the command: hash of the plan that is answered, at least 12 digits',
      parse: parseHash,
    },
    reason: { flags: '--reason <text>', summary: 'why; kept as evidence' },
    as: { flags: '--as <name>', summary: 'who answers (default: the user)' },
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
  const { decision, execution, plan, reason, as: by = whoAsks(context), state } = answer;
  if (plan === undefined) {
    const hint = `see with \`lifeboat status\` what is asked, then: lifeboat ${decision} ${execution} --plan HASH`;
    throw new InputInvalid('--plan', plan, 'the hash of the plan that is answered', hint);
  }
  const machines = await openDaemon(context, state);
  try {
    const { arn, name, status } = await machines.describe(execution);
    if (status !== 'RUNNING') throw over(name, status);
    const payload = { execution: arn, decision, plan, by, ...(reason === undefined ? {} : { reason }) };
    const result = await machines.invoke('answer-approval', payload);
    const done = decision === 'approve' ? 'approved' : 'rejected';
    const next = decision === 'approve' ? `: follow it with \`lifeboat executions ${name}\`` : '; nothing was touched';
    context.output.print(`${name} is ${done} by ${by}${next}`, result ?? { execution: arn, decision, by });
  } finally {
    machines.close();
  }
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
