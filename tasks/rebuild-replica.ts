import { RebuildFailed } from '#failover/failures';
import type { FailoverGroup } from '#model/failover-group';
import type { Site } from '#model/failover-site';
import type { RebuildResult } from '#model/task-result';
import type { Environment } from '#runtime/environment';
import { openSiteServer } from '#runtime/open-site-server';
import type { PostgresSite } from './rebuild-work.ts';
import { slotFor, withReservedWal } from './reserved-wal.ts';
import { askSite } from './standby-primary.ts';
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
    const { control } = site.server;
    await prepare(work, site as PostgresSite, other as PostgresSite);
    const { runDocument } = await import('#runtime/ssm-document');
    const parameters = { group: work.group.name, site: site.name };
    const slot = slotFor(other.server.connection, site.name, environment);
    // told to stop we leave, and the document goes on
    const { commandId } = await withReservedWal({ slot, log, goesOn: () => signal.aborted }, () =>
      runDocument({ ...common, control, parameters }),
    );
    log.info('the document has done its work', { commandId });
    return { how: 'replica', divergedAt: null, keptAside: null, rawBytes: 0 };
  }
  throw byHand(work, 'Aurora adds the old primary to its global database by itself, once that answers');
}

/** Nobody is told to rebuild a server that takes writes, or may do so. */
async function prepare(work: ReplicaWork, site: PostgresSite, other: PostgresSite): Promise<void> {
  await seeNoWrites(work, site);
  const primary = await askSite(other.server.connection, work.environment);
  if (primary.role !== 'primary') throw byHand(work, `there is no primary at ${other.name}`);
}

/** Silence says nothing: we may be cut off from a primary that takes writes. */
async function seeNoWrites(work: ReplicaWork, site: PostgresSite): Promise<void> {
  const { environment, group, signal } = work;
  const { server, fence } = await (await openSiteServer(site, { environment, group })).look(signal);
  if (server.state === 'answers' && server.role === 'standby') return;
  if (server.state === 'answers')
    throw byHand(work, `the server at ${site.name} answers as a primary, and was not touched`);
  if (fence.fenced) return;
  throw new RebuildFailed(`the server at ${site.name} was not touched: it does not answer, and no fence is seen`, {
    operation: 'rebuild',
    subject: site.name,
    hint: `see on its machine that it takes no writes; then write standby.signal into its data directory, start it so that it answers as a standby, and start this again`,
  });
}

const byHand = ({ site, as }: ReplicaWork, why: string): RebuildFailed =>
  new RebuildFailed(`the server at ${site.name} is not made a ${as}: ${why}`, {
    operation: 'rebuild',
    subject: site.name,
    hint: 'see what both servers are by now (lifeboat groups), and make it by hand',
  });
