import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const lookupMs = 2_000;
const everyAddress = ['*', '0.0.0.0', '::'];

/** Whether a name leads to this machine, and to no other; false also where that cannot be looked up in time. */
export async function isHere(host: string): Promise<boolean> {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? []);
  const found = await addressesOf(host);
  return found.length > 0 && found.every((one) => one.startsWith('127.') || one === '::1' || own.includes(one));
}

/** Whether a server that listens at these addresses (as in listen_addresses) is met by who connects to a host. */
export async function leadsTo(host: string, listened: readonly string[]): Promise<boolean> {
  if (listened.some((one) => everyAddress.includes(one))) return true;
  const [asked, ...served] = await Promise.all([host, ...listened].map(addressesOf));
  return served.some((addresses) => addresses.length === 0 || addresses.some((one) => asked!.includes(one)));
}

/** None where it is not known in time. */
async function addressesOf(host: string): Promise<string[]> {
  const looked = lookup(host, { all: true }).catch(() => []);
  const found = await Promise.race([looked, sleep(lookupMs, [], { ref: false })]);
  return found.map(({ address }) => address);
}
