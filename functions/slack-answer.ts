import type { Logger } from '@aws-lambda-powertools/logger';
import { z } from 'zod';
import { isFirstOfItsKind } from '#catalog/slack-requests';
import { ApprovalRefused, type GivenAnswer } from '#model/approval';
import { InputInvalid } from '#model/failure';
import { readUrlEvent, type UrlAnswer, type UrlRequest } from '#model/function-url';
import { approverInSlack } from '#model/slack-identity';
import type { SlackSettings } from '#model/slack-settings';
import { readSlackClick, type SlackClick } from '#notify/slack-click';
import { closeQuestion, replyUrl, type SlackReply, tellAll, tellAlone } from '#notify/slack-reply';
import { isSignedBySlack, readSlackSignature, slackBodyBytes, slackRequestDigest } from '#notify/slack-request';
import type { FunctionWorld } from '#runtime/function-world';
import { postJson } from '#runtime/post-json';
import { resolveSecret } from '#runtime/resolve-secret';
import { takeAnswer } from '#runtime/take-answer';
import { edge } from './edge.ts';

/**
 * A press of a button in Slack as an answer to a question: behind a URL that everybody can reach, so that what is not
 * Slack's, not from now or not for the first time is refused without a word. Who pressed is the approver that the plan
 * names by that user; whether the answer counts is decided as that of `lifeboat approve` is.
 *
 *     POST → short enough → signed lately → by Slack → for the first time → a button of ours → an approver → answered
 */
export const handler = edge({
  name: 'slack-answer',
  // looked at by readUrlEvent, whose messages show nothing of it
  input: z.unknown(),

  async run(event, world, logger): Promise<UrlAnswer> {
    const request = readUrlEvent(event);
    const refuse = (statusCode: number, reason: string): UrlAnswer => {
      logger.warn('refused', { statusCode, reason, from: request.from, bytes: request.body.length });
      return { statusCode, headers: statusCode === 405 ? { allow: 'POST' } : {}, body: '' };
    };
    const taken = await takeClick(request, world);
    if ('reason' in taken) return refuse(taken.statusCode, taken.reason);
    const { click } = taken;
    logger.setCorrelationId(click.execution);
    try {
      return await reply(click, await answerClick(click, world, logger), logger);
    } catch (failure) {
      await reply(click, tellAlone(broken(failure as Error)), logger);
      throw failure;
    }
  },
});

type Taken = { click: SlackClick } | { statusCode: number; reason: string };

/** Everything that is known of a request before it is known who pressed. */
async function takeClick(request: UrlRequest, world: FunctionWorld): Promise<Taken> {
  const { slack } = world.plan;
  const { method, headers, body } = request;
  if (!slack) return { statusCode: 404, reason: 'the plan has no slack' };
  if (method !== 'POST') return { statusCode: 405, reason: 'no POST' };
  if (body.length > slackBodyBytes) return { statusCode: 413, reason: 'too long' };
  const signature = readSlackSignature(headers, world.now());
  if (!signature.ok) return { statusCode: 401, reason: signature.reason };
  const secret = await resolveSecret(slack.signingSecret, world.environment, 'slack.signingSecret');
  if (!isSignedBySlack(signature, body, secret)) return { statusCode: 401, reason: 'not signed by Slack' };
  const isFirst = await isFirstOfItsKind(world.vault.store, slackRequestDigest(signature), world.now());
  if (!isFirst) return { statusCode: 409, reason: 'seen before' };
  const outcome = readSlackClick(body);
  return outcome.ok ? { click: outcome.click } : { statusCode: 400, reason: outcome.reason };
}

/** What to tell Slack. @throws whatever is no refusal */
async function answerClick(click: SlackClick, world: FunctionWorld, logger: Logger): Promise<SlackReply> {
  const { user, workspace, execution, decision, plan, reason } = click;
  const { slack, approvers } = world.plan;
  const approver = approverInSlack(user, approvers);
  if (!approver || !isOurs(slack!, workspace)) {
    logger.warn('refused', { reason: 'no approver of the plan', user, workspace, execution });
    return tellAlone(approver ? elsewhere(workspace) : unnamed(user));
  }
  try {
    const given = { decision, plan, reason, by: approver.name, slack: user };
    const { output, missing, again, sent, untold } = await takeAnswer(world, execution, given);
    logger.info('answered', { execution, ...output, user, missing, again, sent });
    if (untold !== undefined) logger.error('nobody was told of this yes', { execution, reason: untold });
    const said = describe({ decision, by: approver.name, reason }, missing);
    return missing > 0 ? tellAll(said) : closeQuestion(click, said);
  } catch (failure) {
    if (!(failure instanceof ApprovalRefused || failure instanceof InputInvalid)) throw failure;
    const { message, hint } = failure;
    logger.warn('refused', { reason: message, user, execution, decision });
    const field =
      reason === null ? '\nIn Slack, the reason is what stands in the field above the buttons when you press one.' : '';
    return tellAlone(`${message}${hint === undefined ? '' : `\nHINT: ${hint}`}${field}`);
  }
}

const describe = (
  { decision, by, reason }: Pick<GivenAnswer, 'decision' | 'by' | 'reason'>,
  missing: number,
): string => {
  const what = decision === 'approve' ? 'Approved' : 'Rejected';
  const more = missing > 0 ? ` (${missing} more to go)` : '';
  return `${what} by ${by}${more}${reason === null ? '' : `: ${reason}`}`;
};

const byCommand = 'Who is an approver without that answers with `lifeboat approve` or `lifeboat reject`.';
const unnamed = (user: string): string =>
  `Your answer does not count: the plan names no approver with the member id ${user}. It stands there as approvers[].slack. ${byCommand}`;
const elsewhere = (workspace = 'one that Slack does not name'): string =>
  `Your answer does not count: Slack says that you belong to workspace ${workspace}, and the plan names another (slack.workspace). ${byCommand}`;

const isOurs = ({ workspace }: SlackSettings, other: string | undefined): boolean =>
  workspace === undefined || workspace === other;

/** What went wrong may say more than a channel should know, and stands in the log. */
const broken = ({ name }: Error): string =>
  `Your answer could not be brought to where it is waited for (${name}). Press once more; if that fails, use \`lifeboat approve\`.`;

/** Slack waits 3 s in all for the answer to its request, and shows a mistake after that, though nothing is lost. */
const replyMs = 1_500;

/** By the press' own URL, where that is Slack's; else in the answer itself. */
async function reply(click: SlackClick, message: SlackReply, logger: Logger): Promise<UrlAnswer> {
  const url = replyUrl(click);
  const body = JSON.stringify(message);
  if (url !== undefined) {
    const outcome = await postJson(url, { headers: {}, body }, AbortSignal.timeout(replyMs));
    if (outcome.taken) return { statusCode: 200, headers: {}, body: '' };
    logger.warn('Slack does not take the reply', { reason: outcome.reason });
  } else if (click.responseUrl !== undefined) logger.warn('the reply is not sent to where Slack is not');
  return { statusCode: 200, headers: { 'content-type': 'application/json; charset=utf-8' }, body };
}
