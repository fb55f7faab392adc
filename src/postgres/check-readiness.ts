import pg from 'pg';
import type { Failure } from '#model/failure';
import { type ConnectionTarget, explainConnectionError } from '#postgres/connection-failure';
import { type Finding, judgeReadiness } from '#postgres/readiness';
import { readFacts } from '#postgres/readiness-facts';

/**
 * Look at a server as a backup would use it: connect, read, try a physical replication connection. A server that
 * cannot be reached is a finding too. `slot` is the plan's.
 */
export async function checkReadiness(
  config: pg.ClientConfig,
  target: ConnectionTarget,
  slot: string,
): Promise<Finding[]> {
  const client = await tryConnect(config, target);
  if (!(client instanceof pg.Client)) return [connectionFailed(client)];
  try {
    const facts = await readFacts(client, slot);
    if (facts.detail) {
      const refusal = await tryReplication(config, target);
      if (refusal) facts.detail.replicationRefusal = refusal;
    }
    const found = `${target.user} is connected to ${target.database} on ${target.host}:${target.port}`;
    return [{ subject: 'connection', status: 'ok', found }, ...judgeReadiness(facts)];
  } catch (error) {
    return [connectionFailed(explainConnectionError(error, target))];
  } finally {
    await client.end();
  }
}

export function connectionFailed({ message, hint }: Failure): Finding {
  return { subject: 'connection', status: 'failed', found: message, ...(hint === undefined ? {} : { hint }) };
}

async function tryReplication(config: pg.ClientConfig, target: ConnectionTarget): Promise<Failure | undefined> {
  const client = await tryConnect({ ...config, replication: 'true' } as pg.ClientConfig, target);
  if (!(client instanceof pg.Client)) return client;
  await client.end();
  return undefined;
}

async function tryConnect(config: pg.ClientConfig, target: ConnectionTarget): Promise<pg.Client | Failure> {
  const client = new pg.Client(config);
  client.on('error', () => undefined); // the query that needs the connection reports it
  try {
    await client.connect();
    return client;
  } catch (error) {
    void client.end(); // a server that waits for a password would else keep the connection, and us, for a minute
    return explainConnectionError(error, target);
  }
}
