import type { Plan } from '#model/plan';

/** The function that Slack's buttons ask, as functions/functions.yml has the others. */
export const slackFunction = 'slack-answer';

/** `https://….lambda-url.<region>.on.aws/` */
export const slackUrl = { 'Fn::GetAtt': ['SlackAnswerLambdaFunctionUrl', 'FunctionUrl'] };

/**
 * Only where the plan has `slack`. Its URL asks for no IAM identity (`url: true` is AuthType NONE, with the two
 * permissions for everybody that this takes), because Slack has none: who may answer is decided by Slack's signature over
 * each request, before anything else is done (functions/slack-answer.ts).
 * https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html#urls-auth-none
 *
 * Few at a time, so that who floods the URL takes nothing from the other functions of the account. Memory is CPU: Slack
 * waits 3 s, a start included.
 */
export const functionsOfPlan = ({ slack }: Plan): Record<string, object> =>
  slack === undefined
    ? {}
    : {
        slackAnswer: {
          name: `\${self:service}-\${sls:stage}-${slackFunction}`,
          handler: `${slackFunction}.handler`,
          package: { artifact: `\${param:bundles}/${slackFunction}.zip` },
          role: { 'Fn::Sub': `\${SlackAnswerRole.Arn}` },
          memorySize: 1024,
          timeout: 20,
          reservedConcurrency: 5,
          url: true,
        },
      };
