import type { Capacity } from '#model/failover-capacity';
import type { MovedName } from '#model/failover-names';
import type { MovedSetting } from '#model/failover-settings';
import type { Kubernetes } from '#model/kubernetes';
import type { Plan } from '#model/plan';
import { sub } from './intrinsics.ts';

/*
 * Who may look at, and who may change, what follows a primary: only what the plan names, in the regions that it names. What
 * Kubernetes allows it decides itself; of EKS only the address is asked here. Secrets under a key of one's own need that key's
 * policy to let these roles use it through Secrets Manager.
 */
export interface TrafficStatement {
  Sid: string;
  Effect: 'Allow';
  Action: string[];
  Resource: unknown;
  Condition?: object;
}

/** What may be looked at and changed: of groups, or of anything that has such parts. */
export interface Traffic {
  names: readonly MovedName[];
  capacity: readonly Part<Capacity, 'site' | 'active' | 'idle'>[];
  settings: readonly Part<MovedSetting, 'values'>[];
}
type Part<T, Without extends string> = T extends unknown ? Omit<T, Without> : never;

/** All that follows a primary in a plan. */
export const trafficOf = ({ failover }: Pick<Plan, 'failover'>): Traffic => ({
  names: failover.flatMap(({ names }) => names),
  capacity: failover.flatMap(({ capacity }) => capacity),
  settings: failover.flatMap(({ settings }) => settings),
});

/** All that stands on the sources of systems. */
export const trafficOfSystems = ({ systems }: Pick<Plan, 'systems'>): Traffic => ({
  names: [],
  capacity: systems.flatMap(({ applications }) => applications),
  settings: systems.flatMap(({ settings }) => settings),
});

/** Of functions that plan a move and watch: nothing of it changes anything. */
export const readingTraffic = (traffic: Traffic): TrafficStatement[] => {
  const { zones, parameters, secrets, services, groups, clusters } = namedIn(traffic);
  return [
    allow('LookAtNames', ['route53:GetHostedZone', 'route53:ListResourceRecordSets'], zones.map(zoneArn)),
    allow('ReadParameters', ['ssm:GetParameter'], parameters),
    allow('ReadMovedSecrets', ['secretsmanager:GetSecretValue'], secrets),
    ...services.map(({ arn, cluster }, index) =>
      allow(`LookAtService${index + 1}`, ['ecs:DescribeServices'], [arn], ofCluster(cluster)),
    ),
    // it belongs to no resource: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
    allow('LookAtGroups', ['autoscaling:DescribeAutoScalingGroups'], groups.length > 0 ? '*' : []),
    allow('FindClusters', ['eks:DescribeCluster'], clusters),
  ].filter(hasResources);
};

/** Of the function that moves, beside what it reads. */
export const changingTraffic = (traffic: Traffic): TrafficStatement[] => {
  const { zones, parameters, secrets, services, groups } = namedIn(traffic);
  return [
    ...zones.map((zone, index) => changingZone(`MoveNames${index + 1}`, zone, traffic.names)),
    // which change it is AWS only tells whoever has made it
    allow(
      'AwaitNames',
      ['route53:GetChange'],
      zones.length > 0 ? [sub(`arn:\${AWS::Partition}:route53:::change/*`)] : [],
    ),
    allow('PutParameters', ['ssm:DeleteParameter', 'ssm:PutParameter'], parameters),
    allow('PutMovedSecrets', ['secretsmanager:PutSecretValue'], secrets),
    ...services.map(({ arn, cluster }, index) =>
      allow(`ScaleService${index + 1}`, ['ecs:UpdateService'], [arn], ofCluster(cluster)),
    ),
    allow('ScaleGroups', ['autoscaling:UpdateAutoScalingGroup'], groups),
    allow('KeepMinimums', ['autoscaling:CreateOrUpdateTags', 'autoscaling:DeleteTags'], groups, onlyOurTag),
  ].filter(hasResources);
};

/**
 * Of functions that send mail by Amazon SES. Which identity stands for an address, its own or its domain's, SES decides, as it
 * does of a default configuration set, and in the sandbox the recipients' identities are asked for, too: so the sender's
 * address is what binds it. https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html
 */
export function sendingMail({ notifications }: Pick<Plan, 'notifications'>): TrafficStatement[] {
  const channels = notifications.flatMap((channel) =>
    channel.kind === 'email' && channel.ses ? [{ from: channel.from, region: channel.ses.region }] : [],
  );
  return [...Map.groupBy(channels, ({ region }) => region)].map(([region, some], index) =>
    allow(
      `SendMail${index + 1}`,
      ['ses:SendEmail'],
      ['configuration-set/*', 'identity/*'].map((rest) => arnIn('ses', region, rest)),
      { StringEqualsIgnoreCase: { 'ses:FromAddress': unique(some.map(({ from }) => from)) } },
    ),
  );
}

const allow = (Sid: string, Action: string[], Resource: unknown, Condition?: object): TrafficStatement => ({
  ...{ Sid, Effect: 'Allow', Action, Resource },
  ...(Condition && { Condition }),
});

const hasResources = ({ Resource }: TrafficStatement): boolean => !Array.isArray(Resource) || Resource.length > 0;

const arnIn = (service: string, region: string, rest: string) =>
  sub(`arn:\${AWS::Partition}:${service}:${region}:\${AWS::AccountId}:${rest}`);

const zoneArn = (zone: string) => sub(`arn:\${AWS::Partition}:route53:::hostedzone/${zone}`);

const unique = <T>(list: readonly T[]): T[] => [...new Map(list.map((one) => [JSON.stringify(one), one])).values()];

function namedIn({ names, capacity, settings }: Traffic) {
  return {
    zones: unique(names.flatMap((one) => (one.kind === 'route53' ? [one.zone] : []))),
    parameters: unique(
      settings.flatMap((one) =>
        // a name that begins with a slash has only that one: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-access.html
        one.kind === 'ssm' ? [arnIn('ssm', one.region, `parameter/${one.parameter.replace(/^\//, '')}`)] : [],
      ),
    ),
    secrets: unique(
      settings.flatMap((one) =>
        one.kind === 'secret' ? [arnIn('secretsmanager', one.region, `secret:${one.secret}-??????`)] : [],
      ),
    ),
    services: unique(
      capacity.flatMap((one) =>
        one.kind === 'ecs'
          ? [
              {
                arn: arnIn('ecs', one.region, `service/${one.cluster}/${one.service}`),
                cluster: arnIn('ecs', one.region, `cluster/${one.cluster}`),
              },
            ]
          : [],
      ),
    ),
    groups: unique(
      capacity.flatMap((one) =>
        one.kind === 'autoscaling'
          ? [arnIn('autoscaling', one.region, `autoScalingGroup:*:autoScalingGroupName/${one.group}`)]
          : [],
      ),
    ),
    clusters: unique([
      ...capacity.flatMap((one) => (one.kind === 'deployment' ? eksArn(one.cluster) : [])),
      ...settings.flatMap((one) => (one.kind === 'configmap' ? eksArn(one.cluster) : [])),
    ]),
  };
}

const eksArn = (cluster: Kubernetes) =>
  'eks' in cluster ? [arnIn('eks', cluster.region, `cluster/${cluster.eks}`)] : [];

const ofCluster = (cluster: unknown) => ({ ArnEquals: { 'ecs:cluster': cluster } });

const onlyOurTag = { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['lifeboat:min-size'] } };

/** Of a zone only the plan's names and types. https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-rrset-conditions.html */
function changingZone(sid: string, zone: string, names: readonly MovedName[]): TrafficStatement {
  const records = names.flatMap((one) => (one.kind === 'route53' && one.zone === zone ? [one] : []));
  return allow(sid, ['route53:ChangeResourceRecordSets'], [zoneArn(zone)], {
    'ForAllValues:StringEquals': {
      'route53:ChangeResourceRecordSetsNormalizedRecordNames': unique(records.map(({ name }) => normalName(name))),
      'route53:ChangeResourceRecordSetsRecordTypes': unique(records.map(({ type }) => type)),
      'route53:ChangeResourceRecordSetsActions': ['DELETE', 'UPSERT'],
    },
  });
}

/** In small letters, without the last dot, and `\052` for a star. */
const normalName = (name: string): string => name.toLowerCase().replace(/\.$/, '').replaceAll('*', '\\052');
