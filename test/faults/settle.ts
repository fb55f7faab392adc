import { setTimeout as sleep } from 'node:timers/promises';
import type { Json } from '#local/integration';
import type { ExecutionEnd } from '#local/run-execution';
import type { FailoverWorld } from './failover-world.ts';
import { approvers, sayYes } from './say-yes.ts';

/**
 * What an on-call does after a move that went badly: start what merely died, continue what stopped, and make the other side a
 * standby again, until one server is the primary, the names lead to it, and the other one streams from it.
 * Answers what was done. @throws when that cannot be had
 */
export async function settle(world: FailoverWorld, name: string, before: readonly string[]): Promise<string[]> {
  const ends: string[] = [];
  for (let round = 1; round <= 6; round++) {
    const primary = await world.primary();
    const run = async (input: Json) => {
      const end = await world.engine.run('failover', input, `${name}-settle-${round}`, { faults: { asked: sayYes } });
      ends.push(`then failover: ${describeEnd(end)}`);
    };
    if (!primary) {
      // a server that died while nothing had been fenced yet: its machine comes up again
      for (const site of world.pair.sites) if (!site.running()) await site.start().catch(() => undefined);
      if (!(await world.primary())) await run({ group: 'shop', requestedBy: approvers[0] });
    } else if (world.endpoint() !== `127.0.0.1:${primary.port}`) {
      await run({ group: 'shop', to: primary.name, requestedBy: approvers[0] });
    } else if (await streamsTo(world, primary.name)) {
      return ends;
    } else {
      const other = world.other(primary.name).name;
      const rebuilt = await world.rebuild(other, `${name}-rebuild-${round}`);
      ends.push(`then rebuild ${other}: ${rebuilt ? 'done' : 'failed'}`);
    }
  }
  const said = [...before, ...ends, ...world.taskFailures.slice(-1)].join('; ');
  throw new Error(`the servers do not become one primary and a standby: ${said}`);
}

export const describeEnd = (end: ExecutionEnd | 'killed'): string =>
  end === 'killed' ? 'killed' : end.status === 'SUCCEEDED' ? 'succeeded' : `${end.error}: ${firstLine(end.cause)}`;

const firstLine = (cause = ''): string => cause.split('\n')[0]!.slice(0, 200);

async function streamsTo(world: FailoverWorld, primary: string): Promise<boolean> {
  if (!world.other(primary).running()) return false;
  const streams = "select count(*) from pg_stat_replication where state = 'streaming'";
  for (let waitedMs = 0; waitedMs < 3_000; waitedMs += 50) {
    if ((await world.site(primary).value(streams)) !== '0') return true;
    await sleep(50);
  }
  return false;
}
