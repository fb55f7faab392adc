import { z } from 'zod';
import type { Decision } from '#model/approval';
import { answerBlock, readButton, reasonAction, reasonBlock, reasonChars } from './slack-buttons.ts';

/** That somebody pressed one of the buttons. */
export interface SlackClick {
  /** member id, as Slack knows it */
  user: string;
  /** that the user belongs to, which need not be the channel's; undefined where Slack does not say */
  workspace: string | undefined;
  decision: Decision;
  execution: string;
  /** the whole hash */
  plan: string;
  reason: string | null;
  /** where Slack wants to be told more; who reads it may be anybody, until it is looked at */
  responseUrl: string | undefined;
  /** of the message that has the button, without those that answer */
  blocks: readonly Record<string, unknown>[];
}

export type ClickOutcome = { ok: true; click: SlackClick } | { ok: false; reason: string };

/** https://docs.slack.dev/reference/interaction-payloads/block_actions-payload */
const payloadSchema = z.object({
  type: z.literal('block_actions'),
  user: z.object({ id: z.string().regex(/^[UW][A-Z0-9]{4,30}$/), team_id: z.string().nullish() }),
  actions: z
    .array(z.object({ type: z.literal('button'), action_id: z.string(), block_id: z.string(), value: z.string() }))
    .length(1),
  state: z
    .object({ values: z.record(z.string(), z.record(z.string(), z.object({ value: z.string().nullish() }))) })
    .nullish(),
  response_url: z.string().nullish(),
  message: z.object({ blocks: z.array(z.looseObject({ type: z.string() })).nullish() }).nullish(),
});

/** Read the body of a request that is known to be Slack's: a form with one field, `payload`, which is JSON. */
export function readSlackClick(body: Buffer): ClickOutcome {
  const payloads = new URLSearchParams(body.toString('utf8')).getAll('payload');
  if (payloads.length !== 1) return refuse('no form with one payload');
  const parsed = payloadSchema.safeParse(fromJson(payloads[0]!));
  if (!parsed.success) return refuse(`no press of a button: ${parsed.error.issues[0]!.path.join('.') || 'payload'}`);
  const { user, actions, state, response_url, message } = parsed.data;
  const [{ action_id, block_id, value }] = actions as [(typeof actions)[number]];
  const pressed = block_id === answerBlock ? readButton(action_id, value) : undefined;
  if (!pressed) return refuse('no button of ours');
  const reason = state?.values[reasonBlock]?.[reasonAction]?.value?.trim() ?? '';
  if (reason.length > reasonChars) return refuse('a reason that is too long');
  const blocks = (message?.blocks ?? []).filter((block) => ['header', 'section', 'context'].includes(block.type));
  return {
    ok: true,
    click: {
      user: user.id,
      workspace: user.team_id ?? undefined,
      ...pressed,
      reason: reason === '' ? null : reason,
      responseUrl: response_url ?? undefined,
      blocks,
    },
  };
}

const refuse = (reason: string): ClickOutcome => ({ ok: false, reason });

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema refuses it
  }
}
