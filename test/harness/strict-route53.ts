import { AwsRefusal } from './strict-aws-signature.ts';
import { type ServiceCall, type ServiceProtocol, type StrictService, startStrictService } from './strict-service.ts';

export interface DnsRecord {
  /** with its dot */
  name: string;
  type: string;
  ttl?: number;
  values?: string[];
  setIdentifier?: string;
  alias?: string;
}

export interface StrictRoute53 extends StrictService {
  /** zones by id; names with their dot */
  zones: Map<string, { name: string; records: DnsRecord[] }>;
  /** changes by id: so many times they are still PENDING */
  changes: Map<string, number>;
  /** looks that a new change takes */
  looks: number;
}

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_Operations_Amazon_Route_53.html */
export async function startStrictRoute53(): Promise<StrictRoute53> {
  const state = { zones: new Map(), changes: new Map(), looks: 2 } as Pick<
    StrictRoute53,
    'zones' | 'changes' | 'looks'
  >;
  const service = await startStrictService(protocol, (call) => answer(call, route53));
  const route53: StrictRoute53 = Object.assign(service, state);
  return route53;
}

const xmlns = 'xmlns="https://route53.amazonaws.com/doc/2013-04-01/"';
const xml = { 'content-type': 'text/xml' };

const protocol: ServiceProtocol = {
  service: 'route53',
  variable: 'AWS_ENDPOINT_URL_ROUTE_53',
  read: ({ method, url, body }) => {
    const [path = '', query = ''] = url.split('?');
    const [, zone] = /^\/2013-04-01\/hostedzone\/(\w+)(?:\/rrset\/?)?$/.exec(path) ?? [];
    const [, change] = /^\/2013-04-01\/change\/(\w+)$/.exec(path) ?? [];
    const records = /\/rrset\/?$/.test(path);
    if (method === 'POST' && zone && records)
      return { operation: 'ChangeResourceRecordSets', given: { zone, ...readChange(String(body)) } };
    if (method !== 'GET') throw new AwsRefusal(404, 'UnknownOperationException', `${method} ${url}`);
    if (zone && records)
      return {
        operation: 'ListResourceRecordSets',
        given: { zone, ...Object.fromEntries(new URLSearchParams(query)) },
      };
    if (zone) return { operation: 'GetHostedZone', given: { zone } };
    if (change) return { operation: 'GetChange', given: { change } };
    throw new AwsRefusal(404, 'UnknownOperationException', `${method} ${url}`);
  },
  print: (operation, result) => ({
    ...{ status: 200, headers: xml },
    body: `<?xml version="1.0"?>\n<${operation}Response ${xmlns}>${result}</${operation}Response>`,
  }),
  // this one error has a form of its own, and also comes in the common one
  printRefusal: ({ status, code, message }) => ({
    ...{ status, headers: xml },
    body:
      code === 'InvalidChangeBatch' && message.startsWith('[')
        ? `<?xml version="1.0"?>\n<InvalidChangeBatch ${xmlns}><Messages>${(JSON.parse(message) as string[]).map((one) => `<Message>${printed(one)}</Message>`).join('')}</Messages><RequestId>strict</RequestId></InvalidChangeBatch>`
        : `<?xml version="1.0"?>\n<ErrorResponse ${xmlns}><Error><Type>Sender</Type><Code>${code}</Code><Message>${printed(message)}</Message></Error><RequestId>strict</RequestId></ErrorResponse>`,
  }),
};

const textIn = (source: string, name: string): string | undefined =>
  new RegExp(`<${name}>([^<]*)</${name}>`).exec(source)?.[1];

/** One change to a batch is all that is asked here. */
function readChange(body: string) {
  if (!body.includes(xmlns)) throw new AwsRefusal(400, 'MalformedXML', 'namespace');
  const values = [...body.matchAll(/<ResourceRecord><Value>([^<]*)<\/Value><\/ResourceRecord>/g)].map(
    ([, one]) => one!,
  );
  const ttl = textIn(body, 'TTL');
  return {
    action: textIn(body, 'Action'),
    record: {
      ...{ name: textIn(body, 'Name')!, type: textIn(body, 'Type')!, values },
      ...(ttl === undefined ? {} : { ttl: Number(ttl) }),
    },
  };
}

function answer({ operation, given }: ServiceCall, route53: StrictRoute53): string {
  const asked = given as Record<string, string>;
  if (operation === 'GetChange') return getChange(asked.change!, route53);
  const zone = route53.zones.get(asked.zone!);
  if (!zone) throw new AwsRefusal(404, 'NoSuchHostedZone', `No hosted zone found with ID: ${asked.zone}`);
  if (operation === 'GetHostedZone')
    return `<HostedZone><Id>/hostedzone/${asked.zone}</Id><Name>${zone.name}</Name><CallerReference>c</CallerReference><ResourceRecordSetCount>${zone.records.length}</ResourceRecordSetCount></HostedZone>`;
  if (operation === 'ListResourceRecordSets') return list(asked, zone.records);
  return change(given as unknown as ReturnType<typeof readChange>, zone.records, route53);
}

/** By their labels from the right, then by type; and `*` is `\052`. */
function list({ name = '', type, maxitems = '300' }: Record<string, string>, records: DnsRecord[]): string {
  if (type !== undefined && name === '') throw new AwsRefusal(400, 'InvalidInput', 'type without name');
  const start = orderOf(escaped(name), type ?? '');
  const sorted = records
    .map((one) => ({ ...one, name: escaped(one.name) }))
    .sort((a, b) => (orderOf(a.name, a.type) < orderOf(b.name, b.type) ? -1 : 1))
    .filter((one) => orderOf(one.name, one.type) >= start)
    .slice(0, Number(maxitems));
  return `<ResourceRecordSets>${sorted.map(printRecord).join('')}</ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>${maxitems}</MaxItems>`;
}

const escaped = (name: string): string => name.replaceAll('*', '\\052');
const orderOf = (name: string, type: string): string => `${name.split('.').reverse().join('.')} ${type}`;

const printRecord = ({ name, type, ttl, values = [], setIdentifier, alias }: DnsRecord): string =>
  `<ResourceRecordSet><Name>${name}</Name><Type>${type}</Type>${setIdentifier ? `<SetIdentifier>${setIdentifier}</SetIdentifier><Weight>1</Weight>` : ''}${ttl === undefined ? '' : `<TTL>${ttl}</TTL>`}${
    alias
      ? `<AliasTarget><HostedZoneId>Z2</HostedZoneId><DNSName>${alias}</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>`
      : `<ResourceRecords>${values.map((one) => `<ResourceRecord><Value>${one}</Value></ResourceRecord>`).join('')}</ResourceRecords>`
  }</ResourceRecordSet>`;

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html */
function change(
  { action, record }: ReturnType<typeof readChange>,
  records: DnsRecord[],
  route53: StrictRoute53,
): string {
  const { name, type, ttl, values } = record;
  const named = `[name='${name}', type='${type}']`;
  const at = records.findIndex((one) => escaped(one.name) === escaped(name) && one.type === type);
  const there = records[at];
  if (action === 'DELETE') {
    if (!there) refuse(`Tried to delete resource record set ${named} but it was not found`);
    if (there!.ttl !== ttl || String(there!.values) !== String(values))
      refuse(`Tried to delete resource record set ${named} but the values provided do not match the current values`);
    records.splice(at, 1);
  } else if (action === 'UPSERT') {
    if (ttl === undefined || values.length === 0) throw new AwsRefusal(400, 'InvalidInput', 'Missing TTL or values');
    if (records.some((one) => one.name === name && one.type !== type && [one.type, type].includes('CNAME')))
      refuse(`RRSet of type ${type} with DNS name ${name} is not permitted as it conflicts with other records`);
    records.splice(at < 0 ? records.length : at, 1, { name, type, ttl, values });
  } else throw new AwsRefusal(400, 'InvalidInput', `action ${action}`);
  const id = `C${1000 + route53.changes.size}`;
  route53.changes.set(id, route53.looks);
  return changeInfo(id, 'PENDING');
}

const refuse = (message: string): never => {
  throw new AwsRefusal(400, 'InvalidChangeBatch', JSON.stringify([message]));
};

function getChange(id: string, { changes }: StrictRoute53): string {
  const left = changes.get(id);
  if (left === undefined) throw new AwsRefusal(404, 'NoSuchChange', `Could not find resource with ID: ${id}`);
  changes.set(id, Math.max(0, left - 1));
  return changeInfo(id, left > 0 ? 'PENDING' : 'INSYNC');
}

const changeInfo = (id: string, status: string): string =>
  `<ChangeInfo><Id>/change/${id}</Id><Status>${status}</Status><SubmittedAt>2026-11-20T12:00:00.000Z</SubmittedAt></ChangeInfo>`;

const printed = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll("'", '&apos;');
