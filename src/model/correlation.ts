import { z } from 'zod';

/** An execution's ARN: of a machine's call, of an event of Step Functions, or of a notice in a topic's message. */
const places = [
  z.object({ execution: z.string() }).transform(({ execution }) => execution),
  z.object({ executionArn: z.string() }).transform(({ executionArn }) => executionArn),
  z.object({ detail: z.object({ executionArn: z.string() }) }).transform(({ detail }) => detail.executionArn),
];
const topicMessage = z.object({ Records: z.array(z.object({ Sns: z.object({ Message: z.string() }) })).min(1) });

/** What lines of a log that belong together have in common; undefined where the event names no execution. */
export function correlationOf(event: unknown): string | undefined {
  const found = executionIn(event);
  if (found !== undefined) return found;
  const message = topicMessage.safeParse(event);
  return message.success ? executionIn(fromJson(message.data.Records[0]!.Sns.Message)) : undefined;
}

function executionIn(value: unknown): string | undefined {
  for (const place of places) {
    const found = place.safeParse(value);
    if (found.success && /^arn:aws[\w-]*:states:\S{1,400}$/.test(found.data)) return found.data;
  }
  return undefined;
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // it is no notice, and belongs to nothing
  }
}
