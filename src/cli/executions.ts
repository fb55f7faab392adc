import { askedBy } from '#cli/asked-by';
import { defineCommand } from '#cli/command';
import { describeExecution, describeExecutions } from '#cli/describe-execution';
import { describeWhole } from '#cli/describe-question';
import { historyLines } from '#cli/history-lines';
import { openMachines, stateOption } from '#cli/open-machines';
import { samePlace } from '#cli/same-place';
import { InputInvalid } from '#model/failure';
import { ChildWatch } from '#runtime/child-watch';

/** For what went on within its Maps: a backup of twenty sources needs one for each, and two for each of their servers. */
const mostRequests = 100;

const statuses = ['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'] as const;

export const command = defineCommand({
  name: 'executions',
  summary: 'list what the machines did and do, or tell one in full',
  help: `Each backup, verification, drill and restore is one execution of a state machine. Without an id the newest ones are
listed; with an id (its name, the beginning of it, or its ARN) one is told with its input, what people were asked and what they
answered, each state it went through and why it failed. While it waits for a yes, the plan that it asks about stands at the
end, as a whole, with the commands that answer. Nothing is changed.`,
  examples: [
    'lifeboat executions',
    'lifeboat executions --status RUNNING',
    'lifeboat executions full-main-20261122T020000Z',
  ],
  arguments: { execution: { summary: 'id of an execution', optional: true } },
  options: {
    status: { flags: '--status <status>', summary: `only these: ${statuses.join(', ')}`, parse: parseStatus },
    limit: { flags: '--limit <number>', summary: 'how many (default: 20)', parse: parseLimit },
    state: stateOption,
  },

  async run({ execution, status, limit, state }, context) {
    const machines = await openMachines(context, state);
    try {
      if (execution === undefined) {
        const all = await machines.list(status, limit ?? 20);
        return context.output.print(describeExecutions(all, context.now()), { executions: all });
      }
      const standing = await machines.describe(execution);
      const events = await machines.history(standing.arn);
      const watch = new ChildWatch(machines);
      watch.follow(events);
      const lines = historyLines(events, await watch.look(mostRequests));
      const { untold } = watch;
      const asked = await askedBy(standing, context);
      const place = samePlace(context, { kind: machines.kind, state });
      const waits = asked.open && describeWhole(asked.open, place);
      const text = describeExecution(standing, { lines, untold, asked: asked.lines, waits }, context.now());
      context.output.print(text, { ...standing, history: lines, untold, questions: asked.questions });
    } finally {
      machines.close();
    }
  },
});

function parseStatus(text: string, field: string): (typeof statuses)[number] {
  const status = statuses.find((one) => one === text.toUpperCase());
  if (status) return status;
  throw new InputInvalid(field, text, `one of ${statuses.join(', ')}`);
}

function parseLimit(text: string, field: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new InputInvalid(field, text, 'a whole number from 1');
}
