import type { Plan } from '#model/plan';
import { type DatabaseStatement, databaseRights } from '#stack/failover-database-rights';
import {
  changingTraffic,
  readingTraffic,
  type Traffic,
  trafficOf,
  trafficOfSystems,
} from '#stack/failover-traffic-rights';
import type { FunctionRights } from '#stack/function-rights';
import { sub } from '#stack/intrinsics';

type Moving = Pick<FunctionRights, 'sites' | 'witnesses' | 'traffic' | 'applications' | 'settings' | 'copies'>;

/** What a function that moves something takes of other services, by the plan's groups and systems. */
export const movingRights = (
  { sites, witnesses, traffic, applications, settings, copies }: Moving,
  plan: Plan,
): DatabaseStatement[] => [
  ...(sites ? ofSites(sites, plan) : []),
  ...(witnesses ? looks(plan).filter(isOfWitness) : []),
  ...(traffic === 'names' ? readingNames(plan) : traffic ? ofTraffic(traffic, trafficOf(plan)) : []),
  ...ofSystems({ applications, settings }, plan),
  ...(copies ? readingCopies(plan) : []),
];

const looks = (plan: Plan): DatabaseStatement[] => databaseRights(plan).looks;

const isOfWitness = ({ Sid }: DatabaseStatement): boolean => Sid === 'AskAlarms' || Sid === 'AskHealthChecks';

/** Who fences or promotes sees what it does. */
function ofSites(sites: NonNullable<Moving['sites']>, plan: Plan): DatabaseStatement[] {
  const rights = databaseRights(plan);
  const seen = rights.looks.filter((one) => !isOfWitness(one));
  if (sites === 'looks') return seen;
  return [...seen, ...rights[sites === 'fences' ? 'fence-primary' : 'promote-standby']];
}

/** Where they lead, and nothing of their zones. */
const readingNames = (plan: Plan): DatabaseStatement[] =>
  readingTraffic({ ...trafficOf(plan), capacity: [], settings: [] }).map((one) => ({
    ...one,
    Action: one.Action.filter((action) => action !== 'route53:GetHostedZone'),
  }));

/** Of one function both are read or both changed. */
function ofSystems(
  { applications, settings }: { [Part in 'applications' | 'settings']: Moving[Part] | undefined },
  plan: Plan,
) {
  const all = trafficOfSystems(plan);
  const part = { names: [], capacity: applications ? all.capacity : [], settings: settings ? all.settings : [] };
  return ofTraffic(applications ?? settings ?? 'reads', part);
}

const ofTraffic = (does: 'reads' | 'moves', traffic: Traffic): DatabaseStatement[] => [
  ...readingTraffic(traffic),
  ...(does === 'moves' ? changingTraffic(traffic) : []),
];

/**
 * The stack's bucket has its name in each region (src/store/bucket.yml), and each of the two may look into the other's. A manifest is
 * only looked for, which opens no key: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html. That one is missing is only told to
 * who may list.
 */
function readingCopies({ aws, failover, sources }: Plan): DatabaseStatement[] {
  const { region, recoveryRegion } = aws ?? {};
  const ours = failover.filter(({ source }) => sources.some(({ name }) => name === source));
  if (recoveryRegion === undefined || ours.length === 0) return [];
  const keys = ours.map(({ source }) => `${source}/backups/*/manifest.json`);
  const buckets = [region, recoveryRegion].map(
    (one) => `arn:\${AWS::Partition}:s3:::\${AWS::StackName}-\${AWS::AccountId}-${one}`,
  );
  return [
    {
      ...{ Sid: 'LookForCopies', Effect: 'Allow', Action: ['s3:GetObject'] },
      Resource: buckets.flatMap((bucket) => keys.map((key) => sub(`${bucket}/${key}`))),
    },
    {
      ...{ Sid: 'TellMissingCopies', Effect: 'Allow', Action: ['s3:ListBucket'] },
      Resource: buckets.map((bucket) => sub(bucket)),
      Condition: { StringLike: { 's3:prefix': keys } },
    },
  ];
}
