import { RebuildFailed } from '#failover/failures';
import type { FailoverGroup } from '#model/failover-group';
import type { Site } from '#model/failover-site';
import type { RebuildResult } from '#model/task-result';
import type { Environment } from '#runtime/environment';
import type { PostgresSite } from './rebuild-work.ts';
import { askSite, keepSlot } from './standby-primary.ts';
import type { TaskLog } from './task-log.ts';

export interface ReplicaWork {
  group: FailoverGroup;
  site: Site;
  other: Site;
  as: 'standby' | 'primary';
  environment: Environment;
  signal: AbortSignal;
  log: TaskLog;
}

type Outcome = Pick<RebuildResult, 'how' | 'divergedAt' | 'keptAside' | 'rawBytes'>;

/**
 * Where files are out of our reach: RDS makes the replica, or a document of Systems Manager that runs on the machine.
 * @throws RebuildFailed, and what the service refuses
 */
export async function rebuildReplica(work: ReplicaWork): Promise<Outcome> {
  const { site, other, as, environment, signal, log } = work;
  const onProgress = (status: string) => log.info('it says', { status });
  if (as === 'primary')
    throw byHand(work, 'a primary from the bucket is only made where its files are on this machine');
  const common = { environment, signal, onProgress };
  if (site.server.kind === 'rds' && other.server.kind === 'rds') {
    const { makeReplica } = await import('#runtime/rds-replica');
    const [mine, primary] = [
      { ...site, server: site.server },
      { ...other, server: other.server },
    ];
    const { how, keptAside } = await makeReplica({ ...common, site: mine, primary });
    return { how, divergedAt: null, keptAside, rawBytes: 0 };
  }
  if (site.server.kind === 'postgres' && other.server.kind === 'postgres' && site.server.control.kind === 'ec2') {
    await prepare(work, site as PostgresSite, other as PostgresSite);
    const { runDocument } = await import('#runtime/ssm-document');
    const parameters = { group: work.group.name, site: site.name };
    const { commandId } = await runDocument({ ...common, control: site.server.control, parameters });
    log.info('the document has done its work', { commandId });
    return { how: 'replica', divergedAt: null, keptAside: null, rawBytes: 0 };
  }
  throw byHand(work, 'Aurora adds the old primary to its global database by itself, once that answers');
}

/** Nobody is told to rebuild a server that takes writes; and the primary keeps its WAL for it from before. */
async function prepare(work: ReplicaWork, site: PostgresSite, other: PostgresSite): Promise<void> {
  const primary = await askSite(other.server.connection, work.environment);
  if (primary.role !== 'primary') throw byHand(work, `there is no primary at ${other.name}`);
  const own = await askSite(site.server.connection, work.environment).catch(() => undefined);
  if (own?.role === 'primary')
    throw byHand(work, `the server at ${site.name} answers as a primary, and was not touched`);
  await keepSlot(other.server.connection, site.name, work.environment);
}

const byHand = ({ site, as }: ReplicaWork, why: string): RebuildFailed =>
  new RebuildFailed(`the server at ${site.name} is not made a ${as}: ${why}`, {
    operation: 'rebuild',
    subject: site.name,
    hint: 'see what both servers are by now (lifeboat groups), and make it by hand',
  });
