import { z } from 'zod';
import { region } from '#model/failover-site';
import { listOf, oneOf, secret, section, text, wholeNumber } from '#model/plan-field';
import type { SecretReference } from '#model/secret-reference';

/** How people are told, and of what. */
export type Notification = { on: Occasion[] } & (
  | { kind: 'slack'; webhook: SecretReference }
  | { kind: 'webhook'; url: SecretReference }
  | ({ kind: 'email'; from: string; to: string[] } & MailService)
  | { kind: 'sns'; topicArn: string }
  | StatusPage
);

/** Incidents on a page that the public may read. */
export interface StatusPage {
  kind: 'statuspage';
  pageId: string;
  apiKey: SecretReference;
  /** shown as degraded while there is an incident */
  componentId?: string;
  /** of Atlassian Statuspage, or of something that speaks like it; without a slash at its end */
  apiUrl: string;
}

/** By what mail is sent: exactly one of both. */
export type MailService = { smtp: SmtpServer; ses?: never } | { ses: SesRegion; smtp?: never };

/** Amazon SES, where the sender's address or domain is verified. */
export interface SesRegion {
  region: string;
}

export interface SmtpServer {
  host: string;
  port: number;
  user?: string;
  password?: SecretReference;
}

/** `question`: somebody has to approve or answer something. */
export type Occasion = (typeof occasions)[number];

export const occasions = ['success', 'failure', 'question'] as const;

export const emailAddress = () => text('an e-mail address', /^[^\s@,<>]+@[^\s@,<>]+$/);

const on = listOf(oneOf(occasions), `occasions: ${occasions.join(', ')}`)
  .refine((list) => list.length > 0, { error: `at least one of ${occasions.join(', ')}` })
  .prefault(['failure', 'question']);

const pageWord = (what: string) => text(`${what}: letters and digits`, /^[A-Za-z0-9]{1,64}$/);

const smtp = section({
  host: text('the name of a mail server', /^[\w.:-]+$/),
  port: wholeNumber(1, 65_535).default(587),
  user: text('the name to log in with').exactOptional(),
  password: secret().exactOptional(),
});

/** Webhook URLs are secrets: whoever has one can post. */
export const notification = z.discriminatedUnion(
  'kind',
  [
    section({ kind: z.literal('slack'), webhook: secret(), on }),
    section({ kind: z.literal('webhook'), url: secret(), on }),
    section({
      kind: z.literal('email'),
      from: emailAddress(),
      to: listOf(emailAddress(), 'e-mail addresses').refine((list) => list.length > 0, {
        error: 'at least one address',
      }),
      smtp: smtp.exactOptional(),
      ses: section({ region: region() }).exactOptional(),
      on,
    })
      .superRefine(({ smtp, ses }, issues) => {
        if ((smtp === undefined) !== (ses === undefined)) return;
        issues.addIssue({ code: 'custom', message: 'exactly one of smtp and ses' });
      })
      .transform(({ smtp, ses, ...rest }): Notification & { kind: 'email' } =>
        ses === undefined ? { ...rest, smtp: smtp! } : { ...rest, ses },
      ),
    section({
      kind: z.literal('sns'),
      topicArn: text("an SNS topic's ARN", /^arn:aws[\w-]*:sns:[a-z0-9-]+:\d{12}:[\w.-]{1,256}$/),
      on,
    }),
    section({
      kind: z.literal('statuspage'),
      pageId: pageWord("a page's id"),
      apiKey: secret(),
      componentId: pageWord("a component's id").exactOptional(),
      // the key goes there in clear text where it is not https
      apiUrl: text('https://…', /^(?:https:\/\/|http:\/\/(?:localhost|127\.0\.0\.1)[:/])[^\s@?#]+$/)
        .default('https://api.statuspage.io')
        .transform((url) => url.replace(/\/+$/, '')),
      // nothing else is for everybody
      on: listOf(oneOf(['failure']), 'occasions: failure').prefault(['failure']),
    }),
  ],
  {
    error: (issue) =>
      issue.code === 'invalid_union' ? 'one of slack, webhook, email, sns, statuspage' : 'a map with kind, on, …',
  },
);
