import { isIPv4, isIPv6, SocketAddress } from 'node:net';

export type RecordType = 'A' | 'AAAA' | 'CNAME';

/**
 * A name as names are compared: in small letters, without the dot at its end, and what Route 53 writes as `\052` as `*`.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html
 */
export const plainName = (name: string): string =>
  name
    .toLowerCase()
    .replace(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    .replace(/\.$/, '');

/** The values of a record as one text that is the same for the same record; several addresses have a space between them. */
export const recordText = (type: RecordType, values: readonly string[]): string =>
  values
    .map((value) => plainValue(type, value.trim()))
    .sort()
    .join(' ');

/** The values in a text, as a record has them. */
export const recordValues = (type: RecordType, text: string): string[] =>
  type === 'CNAME' ? [text.trim()] : text.split(/[\s,]+/).filter((value) => value !== '');

/** What a value would have to be; undefined: it is. */
export function valueProblem(type: RecordType, text: string): string | undefined {
  const values = recordValues(type, text);
  const fits = { A: isIPv4, AAAA: isIPv6, CNAME: isName }[type];
  if (values.length > 0 && values.every(fits)) return undefined;
  return { A: 'an IPv4 address', AAAA: 'an IPv6 address', CNAME: 'the name of a host, without a port' }[type];
}

function plainValue(type: RecordType, value: string): string {
  if (type === 'CNAME') return plainName(value);
  return type === 'AAAA' && isIPv6(value) ? new SocketAddress({ address: value, family: 'ipv6' }).address : value;
}

const isName = (value: string): boolean =>
  /^(?=.{1,254}$)[\w-]{1,63}(\.[\w-]{1,63})*\.?$/.test(value) && !isIPv4(value);
