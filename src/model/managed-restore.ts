import { createHash } from 'node:crypto';
import { InputInvalid, TargetUnreachable } from '#model/failure';
import type { RdsRestoreInput } from '#model/machine-input';
import type { DatabaseFacts, ManagedSnapshot } from '#model/managed-facts';
import type { ManagedSource } from '#model/managed-source';

/** Everything that was asked for, and what `latest` was when it was. */
export interface ManagedRestoreRequest {
  source: string;
  /** the identifier of what is made */
  to: string;
  /** ISO 8601, in whole seconds */
  time?: string;
  snapshot?: string;
  subnetGroup?: string;
  securityGroups?: string[];
  instanceClass?: string;
}

export interface ManagedRestore {
  request: ManagedRestoreRequest;
  planHash: string;
  /** as people read it */
  planText: string;
  /** what is restored to, in words */
  point: string;
  engine: string;
  /** arguments of the call, as Step Functions names them, beside those that say what becomes of what */
  options: Record<string, unknown>;
  /** that can be connected to in the end: of a cluster one of its own */
  instance: { id: string; class: string | null };
}

export interface RestoreFacts {
  source: ManagedSource;
  asked: RdsRestoreInput;
  /** undefined: it is gone */
  database: DatabaseFacts | undefined;
  /** the one that is asked for, where it is there */
  snapshot: ManagedSnapshot | undefined;
  /** what has the identifier already, or would collide with it */
  taken: readonly string[];
}

/**
 * What a restore of a database of RDS does: the same for the same request, as long as that can be done.
 * @throws InputInvalid; TargetUnreachable, which names what is reachable
 */
export function planManagedRestore(facts: RestoreFacts): ManagedRestore {
  const { source, asked, taken } = facts;
  const { type, id } = source.database;
  const { to, securityGroups, instanceClass } = asked;
  const instance = type === 'instance' ? to : `${to}-1`;
  if (taken.length > 0)
    throw new InputInvalid('to', taken[0], 'an identifier that nothing has: what is there is never written over');
  if (type === 'cluster' && instanceClass === undefined)
    throw new InputInvalid('instanceClass', undefined, "the class of the new cluster's instance, like db.r6g.large");
  const target = asked.snapshot === undefined ? instantOf(facts) : snapshotOf(facts, asked.snapshot);
  const subnetGroup = asked.subnetGroup ?? facts.database?.subnetGroup;
  const request: ManagedRestoreRequest = {
    ...{ source: source.name, to, ...target.request },
    ...(subnetGroup === undefined ? {} : { subnetGroup }),
    ...(securityGroups === undefined ? {} : { securityGroups }),
    ...(instanceClass === undefined ? {} : { instanceClass }),
  };
  const planHash = createHash('sha256')
    .update(JSON.stringify([source.database, Object.entries(request).sort()]))
    .digest('hex');
  const planText = [
    `restore of ${source.name}, the ${type} ${id} of RDS`,
    `  to           ${target.point}`,
    `  as           ${to}, a new ${type}${type === 'cluster' ? ` with the instance ${instance}` : ''}; ${id} is not touched`,
    `  network      ${subnetGroup === undefined ? 'the default subnet group' : `subnet group ${subnetGroup}`}, ${securityGroups ? `security groups ${securityGroups.join(', ')}` : 'the default security group'}, no public address`,
    `  class        ${instanceClass ?? facts.database?.instanceClass ?? 'as the snapshot has it'}`,
    `  plan         ${planHash}`,
  ].join('\n');
  const options = {
    ...(subnetGroup === undefined ? {} : { DbSubnetGroupName: subnetGroup }),
    ...(securityGroups === undefined ? {} : { VpcSecurityGroupIds: securityGroups }),
    // a cluster's instance is made by itself
    ...(instanceClass === undefined || type === 'cluster' ? {} : { DbInstanceClass: instanceClass }),
  };
  const engine = facts.snapshot?.engine ?? facts.database!.engine;
  return {
    request,
    planHash,
    planText,
    point: target.point,
    engine,
    options,
    instance: { id: instance, class: instanceClass ?? null },
  };
}

interface Target {
  request: { time: string } | { snapshot: string };
  point: string;
}

/** RDS restores to a second. https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceToPointInTime.html */
function instantOf({ source: { name, database }, asked, database: facts }: RestoreFacts): Target {
  const { earliestRestorable: earliest, latestRestorable: latest } = facts ?? {};
  const unreachable = (why: string, hint: string): TargetUnreachable =>
    new TargetUnreachable(`${name} cannot be restored to ${asked.time ?? 'its latest instant'}: ${why}`, {
      operation: 'plan restore',
      subject: name,
      hint,
    });
  const snapshots = 'restore one of its snapshots: `lifeboat backups` lists them';
  if (!facts) throw unreachable(`the ${database.type} ${database.id} is gone`, snapshots);
  if (!latest) throw unreachable('RDS keeps no automated backups of it', snapshots);
  const wanted = asked.time === undefined ? latest : new Date(asked.time);
  const time = inSeconds(new Date(Math.floor(wanted.getTime() / 1000) * 1000));
  // how far back is not always told; RDS refuses then what is too early
  const reachable = `${earliest ? `from ${inSeconds(roundedUp(earliest))} to` : 'until'} ${inSeconds(latest)}`;
  if ((earliest && wanted < earliest) || wanted > latest)
    throw unreachable(`reachable is ${reachable}`, `name an instant ${reachable}`);
  return { request: { time }, point: time };
}

function snapshotOf({ source: { name, database }, snapshot: found }: RestoreFacts, asked: string): Target {
  if (found && found.of !== database.id)
    throw new InputInvalid('snapshot', asked, `one of ${database.id}`, `it is of ${found.of}`);
  if (found?.status === 'available')
    return {
      request: { snapshot: asked },
      point: `the snapshot ${asked}${found.createdAt ? ` of ${inSeconds(found.createdAt)}` : ''}`,
    };
  throw new TargetUnreachable(
    `${name} cannot be restored from ${asked}: that snapshot is ${found?.status ?? 'not there'}`,
    {
      operation: 'plan restore',
      subject: name,
      hint: '`lifeboat backups` lists those that there are',
    },
  );
}

const inSeconds = (at: Date): string => at.toISOString().replace(/\.\d+/, '');
const roundedUp = (at: Date): Date => new Date(Math.ceil(at.getTime() / 1000) * 1000);
