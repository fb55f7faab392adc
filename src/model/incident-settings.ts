import { z } from 'zod';
import { durationAllowed, isDuration, parseDuration } from '#model/duration';
import { emailAddress, type Notification } from '#model/notification';
import { listOf, oneOf, secret, section, text } from '#model/plan-field';
import type { SecretReference } from '#model/secret-reference';

/** How bad an incident is: 1 is the worst. */
export const severityNames = ['SEV1', 'SEV2', 'SEV3', 'SEV4'] as const;
export type SeverityName = (typeof severityNames)[number];

export interface SeverityRule {
  /** what makes an incident one of these */
  when: string;
  /** how long until everything works again, as promised */
  rtoMs: number;
  /** what is done about it */
  procedure: string;
}

/** Who is called while nobody has acknowledged. */
export interface IncidentContact {
  name: string;
  reach: ContactReach;
  /** since the incident was opened */
  afterMs: number;
  /** called for no others */
  for: SeverityName[];
}

/** A person's own place; mail goes the way of the plan's first e-mail channel. */
export type ContactReach =
  | { kind: 'email'; to: string }
  | { kind: 'slack'; webhook: SecretReference }
  | { kind: 'webhook'; url: SecretReference }
  | { kind: 'sns'; topicArn: string };

export interface IncidentSettings {
  severities: Record<SeverityName, SeverityRule>;
  /** how often people are told how it goes */
  updateEveryMs: number;
  /** in the order in which they are called */
  contacts: IncidentContact[];
}

const hourMs = 3_600_000;

const severityDefaults: Record<SeverityName, SeverityRule> = {
  SEV1: {
    when: 'a database or all of its data is gone',
    rtoMs: hourMs,
    procedure: 'restore the newest proven backup with all stored WAL, beside what is left of the old server',
  },
  SEV2: {
    when: 'data is damaged, or wrong in many places',
    rtoMs: 2 * hourMs,
    procedure: 'stop what writes, find the moment before the damage, restore to it beside the server and compare',
  },
  SEV3: {
    when: 'rows or tables are gone, and the server works',
    rtoMs: 4 * hourMs,
    procedure: 'restore the lost tables alone from before they went, check them, and copy them back',
  },
  SEV4: {
    when: 'it is slow or partly broken, and nothing is lost',
    rtoMs: 8 * hourMs,
    procedure: 'look for the cause; prepare a restore without carrying it out',
  },
};

const span = () =>
  z
    .custom<string>((value) => typeof value === 'string' && isDuration(value), { error: durationAllowed })
    .transform((value) => parseDuration(value));

const severity = (name: SeverityName) =>
  section({
    when: text('when an incident is one of these').default(severityDefaults[name].when),
    rto: span().exactOptional(),
    procedure: text('what is done about it').default(severityDefaults[name].procedure),
  })
    .prefault({})
    .transform(({ rto, ...rest }): SeverityRule => ({ ...rest, rtoMs: rto ?? severityDefaults[name].rtoMs }));

const reachable = 'exactly one of email, slack, webhook and sns';

const contact = section({
  name: text('the name of a person or of who is on call'),
  email: emailAddress().exactOptional(),
  slack: secret().exactOptional(),
  webhook: secret().exactOptional(),
  sns: text("an SNS topic's ARN", /^arn:aws[\w-]*:sns:[a-z0-9-]+:\d{12}:[\w.-]{1,256}$/).exactOptional(),
  after: z
    .custom<string>((value) => typeof value === 'string' && (/^0[smhd]$/.test(value) || isDuration(value)), {
      error: `0m, or ${durationAllowed}`,
    })
    .default('0m'),
  for: listOf(oneOf(severityNames), `severities: ${severityNames.join(', ')}`).prefault([...severityNames]),
})
  .superRefine(({ email, slack, webhook, sns }, issues) => {
    if ([email, slack, webhook, sns].filter((one) => one !== undefined).length === 1) return;
    issues.addIssue({ code: 'custom', message: reachable });
  })
  .transform(({ name, after, for: severities, ...ways }): IncidentContact => {
    return { name, reach: reachOf(ways), afterMs: after.startsWith('0') ? 0 : parseDuration(after), for: severities };
  });

interface Ways {
  email?: string;
  slack?: SecretReference;
  webhook?: SecretReference;
  sns?: string;
}

function reachOf({ email, slack, webhook, sns }: Ways): ContactReach {
  if (slack !== undefined) return { kind: 'slack', webhook: slack };
  if (webhook !== undefined) return { kind: 'webhook', url: webhook };
  if (sns !== undefined) return { kind: 'sns', topicArn: sns };
  return { kind: 'email', to: email ?? '' };
}

const contacts = listOf(contact, 'contacts')
  .superRefine((list, issues) => {
    for (const [index, { name, afterMs }] of list.entries()) {
      const refuse = (key: string, message: string) => issues.addIssue({ code: 'custom', path: [index, key], message });
      const before = list.slice(0, index);
      if (before.some((other) => other.name === name)) refuse('name', 'another name than the contacts before');
      if (before.some((other) => other.afterMs > afterMs))
        refuse('after', 'at least as much as the contact before: they are called in this order');
    }
  })
  .prefault([]);

export const incidentSettings: z.ZodType<IncidentSettings> = section({
  severities: section({
    SEV1: severity('SEV1'),
    SEV2: severity('SEV2'),
    SEV3: severity('SEV3'),
    SEV4: severity('SEV4'),
  }).prefault({}),
  updateEvery: span().prefault('30m'),
  contacts,
}).transform(({ updateEvery, ...rest }) => ({ ...rest, updateEveryMs: updateEvery }));

/** Where the plan says nothing: nobody is called, and nobody is reminded by the clock. */
export const incidentDefaults: IncidentSettings = {
  severities: severityDefaults,
  updateEveryMs: hourMs / 2,
  contacts: [],
};

/** Where a contact is reached; undefined for mail in a plan without an e-mail channel. */
export function contactChannel(
  { reach }: Pick<IncidentContact, 'reach'>,
  notifications: readonly Notification[],
): Notification | undefined {
  const on: Notification['on'] = ['failure', 'question'];
  if (reach.kind !== 'email') return { ...reach, on };
  const mail = notifications.find((channel) => channel.kind === 'email');
  return mail && { ...mail, to: [reach.to], on };
}
