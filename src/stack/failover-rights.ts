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

type Moving = Pick<FunctionRights, 'sites' | 'witnesses' | 'traffic' | 'system' | 'copies'>;

/** What a function that moves something takes of other services, by the plan's groups and systems. */
export const movingRights = (
  { sites, witnesses, traffic, system, copies }: Moving,
  plan: Plan,
): DatabaseStatement[] => [
  ...(sites ? ofSites(sites, plan) : []),
  ...(witnesses ? looks(plan).filter(isOfWitness) : []),
  ...(traffic ? ofTraffic(traffic, traffic === 'names' ? namesOnly(trafficOf(plan)) : trafficOf(plan)) : []),
  ...(system ? ofTraffic(system, trafficOfSystems(plan)) : []),
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

const namesOnly = ({ names }: Traffic): Traffic => ({ names, capacity: [], settings: [] });

const ofTraffic = (does: 'names' | 'reads' | 'moves', traffic: Traffic): DatabaseStatement[] => [
  ...readingTraffic(traffic),
  ...(does === 'moves' ? changingTraffic(traffic) : []),
];

/**
 * The stack's bucket has its name in each region (src/store/bucket.yml). A manifest is only looked for, which opens no key: so nothing
 * of the other region is decrypted here. Whether something is missing is only told to who may list.
 */
function readingCopies({ aws, failover, sources }: Plan): DatabaseStatement[] {
  const { region, recoveryRegion } = aws ?? {};
  if (recoveryRegion === undefined) return [];
  const ours = failover.filter(({ source }) => sources.some(({ name }) => name === source));
  const keys = ours.map(({ source }) => `${source}/backups/*/manifest.json`);
  if (keys.length === 0) return [];
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
