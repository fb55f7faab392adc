import {
  ChangeResourceRecordSetsCommand,
  GetChangeCommand,
  GetHostedZoneCommand,
  ListResourceRecordSetsCommand,
  type ResourceRecordSet,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { plainName, recordText, recordValues, valueProblem } from '#failover/dns-record';
import { TrafficNotMoved } from '#failover/failures';
import type { Movable } from '#failover/movable';
import type { MovedName } from '#model/failover-names';
import { ServerUnsuitable } from '#model/failure';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';
import { answerOf, type Meanings, problemsFrom } from './move-failure.ts';

type Route53Name = MovedName & { kind: 'route53' };

/**
 * A record of a hosted zone that leads to the primary. `settled` means that all of Route 53's servers answer with the new
 * value; whoever has asked before keeps the old one for as long as the old TTL said, which nobody can shorten afterwards.
 * Therefore `check` tells of a TTL above the plan's, and what is put has the plan's.
 *
 * Each put is a change of its own, also of what is so already, for Route 53 cannot be asked which one is on its way: whoever asks
 * again keeps the first answer.
 *
 * Only simple records are moved: an alias, or a record with a routing policy, is refused as it is found.
 * https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
 */
export function route53Name(one: Route53Name, environment: Environment): Movable {
  const zone = openZone(one, environment);
  return {
    part: 'names',
    what: `route53 ${plainName(one.name)} ${one.type} in ${one.zone}`,
    wanted: (primary) => recordText(one.type, recordValues(one.type, one.values[primary]!)),
    read: async (signal) => {
      const record = await zone.record(signal);
      return record ? textOf(one, record) : null;
    },
    put: async (value, signal) => {
      // an UPSERT would make an alias a simple record, too: so it is looked at first
      const record = await zone.record(signal);
      if (value !== null) return zone.change({ UPSERT: recordOf(one, value) }, signal);
      return record ? zone.change({ DELETE: record }, signal) : null;
    },
    settled: (change, signal) => zone.inSync(change, signal),
    check: (signal) =>
      problemsFrom(async () => {
        return [...valueProblems(one), ...(await zone.problems(signal))];
      }),
  };
}

interface Zone {
  record(signal: AbortSignal): Promise<ResourceRecordSet | undefined>;
  change(change: Change, signal: AbortSignal): Promise<string>;
  inSync(change: string, signal: AbortSignal): Promise<boolean>;
  problems(signal: AbortSignal): Promise<string[]>;
}

type Change = { UPSERT: ResourceRecordSet } | { DELETE: ResourceRecordSet };

function openZone(one: Route53Name, environment: Environment): Zone {
  const config = awsClientConfig(environment, 'route_53');
  // it is one service for all regions
  const client = new Route53Client({ ...config, region: config.region ?? 'us-east-1' });
  const place = `Route 53, zone ${one.zone}`;
  const subject = `the ${one.type} record ${one.name}`;
  const call = (action: string) => ({ action: `route53:${action}`, subject, place });
  const list = async (more: { StartRecordType?: Route53Name['type']; MaxItems: number }, abortSignal: AbortSignal) => {
    const given = { HostedZoneId: one.zone, StartRecordName: absolute(one.name), ...more };
    const listed = client.send(new ListResourceRecordSetsCommand(given), { abortSignal });
    const { ResourceRecordSets = [] } = await answerOf(listed, call('ListResourceRecordSets'), meanings);
    return ResourceRecordSets.filter(({ Name = '' }) => plainName(Name) === plainName(one.name));
  };
  return {
    record: async (signal) => {
      const found = await list({ StartRecordType: one.type, MaxItems: 1 }, signal);
      const record = found.find(({ Type }) => Type === one.type);
      const why = record && notSimple(record);
      if (why) throw unsuitable(one, `is ${why}, and only simple records are moved`);
      return record;
    },
    change: async (change, abortSignal) => {
      const [[Action, ResourceRecordSet]] = Object.entries(change) as [['UPSERT' | 'DELETE', ResourceRecordSet]];
      const ChangeBatch = { Comment: 'moved by lifeboat', Changes: [{ Action, ResourceRecordSet }] };
      const given = { HostedZoneId: one.zone, ChangeBatch };
      const asked = client.send(new ChangeResourceRecordSetsCommand(given), { abortSignal }).catch(refuseChange(one));
      const { ChangeInfo } = await answerOf(asked, call('ChangeResourceRecordSets'), meanings);
      return ChangeInfo!.Id!.replace(/^\/change\//, '');
    },
    inSync: async (Id, abortSignal) => {
      const asked = client.send(new GetChangeCommand({ Id }), { abortSignal });
      const about = { ...call('GetChange'), subject: `the change ${Id}` };
      return (await answerOf(asked, about, meanings)).ChangeInfo?.Status === 'INSYNC';
    },
    problems: async (abortSignal) => {
      const asked = client.send(new GetHostedZoneCommand({ Id: one.zone }), { abortSignal });
      const { HostedZone } = await answerOf(asked, call('GetHostedZone'), meanings);
      return [
        ...zoneProblems(one, HostedZone?.Name ?? ''),
        ...recordProblems(one, await list({ MaxItems: 20 }, abortSignal)),
      ];
    },
  };
}

const absolute = (name: string): string => (name.endsWith('.') ? name : `${name}.`);

const textOf = ({ type }: Route53Name, { ResourceRecords = [] }: ResourceRecordSet): string =>
  recordText(
    type,
    ResourceRecords.map(({ Value = '' }) => Value),
  );

const recordOf = ({ type, name, ttlSeconds }: Route53Name, value: string): ResourceRecordSet => ({
  ...{ Name: absolute(name), Type: type, TTL: ttlSeconds },
  ResourceRecords: recordValues(type, value).map((Value) => ({ Value })),
});

/** https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy.html */
function notSimple({ AliasTarget, SetIdentifier, TrafficPolicyInstanceId }: ResourceRecordSet): string | undefined {
  if (TrafficPolicyInstanceId !== undefined) return 'made by a traffic policy';
  if (AliasTarget) return `an alias of ${AliasTarget.DNSName}`;
  return SetIdentifier === undefined ? undefined : `one of several with a routing policy (${SetIdentifier})`;
}

const unsuitable = ({ zone, name, type }: Route53Name, what: string): ServerUnsuitable =>
  new ServerUnsuitable(`${name} ${type} in ${zone} ${what}`, {
    operation: 'route53:ListResourceRecordSets',
    subject: `${name} ${type}`,
    hint: 'make it a simple record with one value and a short TTL, or let the plan name another record that clients use',
  });

function zoneProblems({ name, zone }: Route53Name, zoneName: string): string[] {
  const [plain, domain] = [plainName(name), plainName(zoneName)];
  if (plain === domain || plain.endsWith(`.${domain}`)) return [];
  return [`the zone ${zone} is for ${domain}, and ${plain} is not in it: check the zone's id in the plan`];
}

function recordProblems({ name, type, zone, ttlSeconds }: Route53Name, records: ResourceRecordSet[]): string[] {
  const record = records.find(({ Type }) => Type === type);
  const other = records.find(({ Type }) => (type === 'CNAME' || Type === 'CNAME') && Type !== type);
  if (other)
    return [`${name} in ${zone} has a record of type ${other.Type}: a CNAME cannot be beside it (expected ${type})`];
  if (!record) return [`there is no ${type} record ${name} in ${zone}: clients do not find the primary by it`];
  const why = notSimple(record);
  if (why) return [`${name} ${type} in ${zone} is ${why}, and only simple records are moved`];
  if (record.TTL === undefined || record.TTL <= ttlSeconds) return [];
  return [`the TTL of ${name} is ${record.TTL} s: clients keep the old address that long; make it ${ttlSeconds} s now`];
}

const valueProblems = ({ name, type, values }: Route53Name): string[] =>
  Object.entries(values).flatMap(([site, value]) => {
    const expected = valueProblem(type, value);
    return expected === undefined
      ? []
      : [`${name} at ${site}: "${value}" is no value of ${type}: expected ${expected}`];
  });

/** What was changed by somebody else in between is asked for again. */
const refuseChange =
  ({ name, zone }: Route53Name) =>
  (error: Error): never => {
    const listed = messagesIn(error);
    if (error.name !== 'InvalidChangeBatch' && listed.length === 0) throw error;
    const detail = { operation: 'route53:ChangeResourceRecordSets', subject: name, cause: error };
    const said = listed.length > 0 ? listed.join('; ') : error.message;
    const what = `Route 53, zone ${zone} refuses the change of ${name} (InvalidChangeBatch): ${said}`;
    if (/was not found|do not match the current values/.test(said))
      throw new TrafficNotMoved(what, { ...detail, hint: 'somebody else changed it at the same moment: try again' });
    const hint =
      'see what it says: a CNAME cannot be beside other records or at the head of a zone, and a protected record is not changed';
    throw new ServerUnsuitable(what, { ...detail, hint });
  };

/**
 * The details are a list in an element of its own, `<InvalidChangeBatch><Messages>`, which the SDK leaves as it is and calls
 * Unknown; or they are the message of an ordinary error.
 * https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html#API_ChangeResourceRecordSets_Errors
 */
function messagesIn(error: Error): string[] {
  const { messages, Messages } = error as { messages?: string[]; Messages?: { Message?: string | string[] } };
  return [messages ?? [], Messages?.Message ?? []].flat();
}

const meanings: Meanings = {
  NoSuchHostedZone: { hint: "check the zone's id in the plan, and that these credentials are of its account" },
  InvalidInput: { hint: 'check the name, the type and the values of the record in the plan' },
  NoSuchHealthCheck: { hint: 'the record names a health check that is gone: make it a simple record' },
  PriorRequestNotComplete: { hint: 'another change of this zone goes on: try again in a moment', passes: true },
  NoSuchChange: { hint: 'look at the record in Route 53: if it is as it has to be, all is well', passes: true },
};
