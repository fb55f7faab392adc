import { AwsRefusal } from './strict-aws-signature.ts';
import { type ServiceProtocol, type StrictService, startStrictService } from './strict-service.ts';

export interface SesMail {
  from: string;
  to: string[];
  subject: string;
  text: string;
  headers: Record<string, string>;
}

export interface StrictSes extends StrictService {
  /** addresses and domains in `eu-west-1`: `eu-west-1 example.org` */
  verified: Set<string>;
  mails: SesMail[];
}

/** https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html */
export async function startStrictSes(): Promise<StrictSes> {
  const [verified, mails] = [new Set<string>(), [] as SesMail[]];
  const service = await startStrictService(protocol, ({ given, region }) => {
    const mail = readMail(given as Asked);
    const [address = '', domain = ''] = /([^\s<@]+@([^\s>@]+))>?$/.exec(mail.from)?.slice(1) ?? [];
    if (!verified.has(`${region} ${address}`) && !verified.has(`${region} ${domain}`))
      throw new AwsRefusal(400, 'MessageRejected', `Email address is not verified: ${address}`);
    mails.push(mail);
    return { MessageId: '0100018f-strict' };
  });
  return Object.assign(service, { verified, mails });
}

interface Asked {
  FromEmailAddress: string;
  Destination: { ToAddresses?: string[] };
  Content: {
    Simple: {
      Subject: { Data: string };
      Body: { Text: { Data: string } };
      Headers?: { Name: string; Value: string }[];
    };
  };
}

function readMail({ FromEmailAddress: from, Destination, Content }: Asked): SesMail {
  const { Subject, Body, Headers = [] } = Content.Simple;
  for (const { Name, Value } of Headers) {
    if (ownHeaders.has(Name.toLowerCase()))
      throw new AwsRefusal(400, 'BadRequestException', `Header not allowed: ${Name}`);
    if (!/^[!-9;-~]{1,126}$/.test(Name) || !/^[ -~]{1,995}$/.test(Value) || Name.length + Value.length > 996)
      throw new AwsRefusal(400, 'BadRequestException', 'Invalid header');
  }
  if (Destination.ToAddresses?.length === 0 || (Destination.ToAddresses?.length ?? 0) > 50)
    throw new AwsRefusal(400, 'BadRequestException', 'Recipient count');
  if (/[\r\n]/.test(Subject.Data)) throw new AwsRefusal(400, 'BadRequestException', 'Subject');
  const headers = Object.fromEntries(Headers.map(({ Name, Value }) => [Name, Value]));
  return { from, to: Destination.ToAddresses!, subject: Subject.Data, text: Body.Text.Data, headers };
}

/** What SES sets itself may not be given. https://docs.aws.amazon.com/ses/latest/dg/header-fields.html */
const ownHeaders = new Set([
  ...['bcc', 'cc', 'content-disposition', 'content-type', 'date', 'from', 'message-id', 'mime-version'],
  ...['reply-to', 'return-path', 'subject', 'to'],
]);

const json = { 'content-type': 'application/json' };

const protocol: ServiceProtocol = {
  service: 'ses',
  variable: 'AWS_ENDPOINT_URL_SESV2',
  read: ({ method, url, body }) => {
    if (method !== 'POST' || url !== '/v2/email/outbound-emails')
      throw new AwsRefusal(404, 'UnknownOperationException', `${method} ${url}`);
    return { operation: 'SendEmail', given: JSON.parse(String(body)) };
  },
  print: (_, result) => ({ status: 200, headers: json, body: JSON.stringify(result) }),
  printRefusal: ({ status, code, message }) => ({
    ...{ status, headers: { ...json, 'x-amzn-errortype': code } },
    body: JSON.stringify({ message }),
  }),
};
