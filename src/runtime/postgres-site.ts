import { realpath } from 'node:fs/promises';
import { FenceFailed, PromotionFailed } from '#failover/failures';
import type { ServerControl } from '#failover/server-control';
import type { FenceFacts, SiteFacts } from '#failover/site-facts';
import type { FenceOutcome, SiteServer } from '#failover/site-server';
import type { Connection } from '#model/postgres-source';
import { askSiteServer, type ServerSaid } from '#runtime/ask-site-server';
import type { Environment } from '#runtime/environment';
import { promoteServer } from '#runtime/promote-server';

export interface PostgresSite {
  site: string;
  connection: Connection;
  control: ServerControl;
  environment: Environment;
}

/** A server with streaming replication: asked by SQL, fenced by its control, and each is held against the other. */
export function postgresSite({ site, connection, control, environment }: PostgresSite): SiteServer {
  const ask = (signal: AbortSignal, timeoutMs?: number) =>
    askSiteServer(connection, { environment, signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  const mistakenFor = async (signal: AbortSignal, timeoutMs?: number) => {
    const [said, { systemId }] = await Promise.all([ask(signal, timeoutMs), control.look(signal)]);
    if (said.state === 'answers' && systemId !== undefined && said.systemId !== systemId)
      return `it is cluster ${said.systemId}, and its control leads to ${systemId}`;
    const elsewhere = await control.elsewhere?.(connection, said, signal);
    return elsewhere && `its control leads to another server: ${elsewhere}`;
  };
  return {
    site,
    look: async (signal) => lookAt({ site, connection, control }, ask, signal),
    beforeFence: (signal) => control.memory(signal),
    async fence({ gently, signal }) {
      const mistaken = await mistakenFor(signal, gently ? undefined : hurriedMs);
      if (mistaken !== undefined) throw notFenced(connection, mistaken);
      const outcome = await control.fence({ gently, signal });
      return checkFence(connection, outcome, await ask(signal));
    },
    unfence: (memory, signal) => control.unfence(memory, signal),
    async promote({ waitMs, signal }) {
      const mistaken = await mistakenFor(signal);
      if (mistaken !== undefined) throw notPromoted(connection, mistaken);
      return promoteServer(connection, { environment, waitMs, signal });
    },
  };
}

/** A server that hangs is why there is a hurry. */
const hurriedMs = 2_000;

async function lookAt(
  { site, connection, control }: Omit<PostgresSite, 'environment'>,
  ask: (signal: AbortSignal) => Promise<ServerSaid>,
  signal: AbortSignal,
): Promise<SiteFacts> {
  const [told, facts] = await Promise.all([ask(signal), control.look(signal)]);
  const said = await withRealFolder(told);
  if (said.state === 'silent' && facts.exists === false)
    return { site, server: { state: 'absent' }, fence: facts.fence };
  const elsewhere = await control.elsewhere?.(connection, said, signal);
  const fence: FenceFacts =
    elsewhere === undefined
      ? fenceAsSeen(facts.fence, facts.systemId, said)
      : { ...facts.fence, ...notOurs, elsewhere: true, how: `its control leads to another server: ${elsewhere}` };
  return { site, server: said, fence };
}

const notOurs = { fenced: false, possible: false } as const;

/** Where it is another machine's folder, it stays as it was told. */
async function withRealFolder(said: ServerSaid): Promise<ServerSaid> {
  if (said.state !== 'answers' || said.dataDir === undefined) return said;
  const told = said.dataDir;
  return { ...said, dataDir: await realpath(told).catch(() => told) };
}

/** A control that says one thing while the server does another leads to another server. */
function fenceAsSeen(fence: FenceFacts, systemId: string | undefined, said: ServerSaid): FenceFacts {
  if (said.state !== 'answers') return fence;
  if (systemId !== undefined && systemId !== said.systemId)
    return { ...fence, ...notOurs, elsewhere: true, how: `its control leads to another cluster, ${systemId}` };
  if (fence.fenced && fence.strength === 'hard' && said.role === 'primary')
    return { ...fence, fenced: false, how: `its control says "${fence.how}", but the server takes writes` };
  return fence;
}

/** A standby that a fence left running has all its WAL received. */
function checkFence(connection: Connection, outcome: FenceOutcome, said: ServerSaid): FenceOutcome {
  if (said.state !== 'answers') return outcome;
  if (said.role === 'standby') return { ...outcome, end: outcome.end ?? said.received };
  if (outcome.strength === 'soft') return outcome;
  throw notFenced(connection, 'it still answers as a primary, so its control leads to another server');
}

function notFenced({ host, port }: Connection, why: string): FenceFailed {
  return new FenceFailed(`the server at ${host}:${port} may still take writes: ${why}`, {
    operation: 'fence',
    subject: `${host}:${port}`,
    hint: "let the site's connection and its control name the same server",
  });
}

const notPromoted = ({ host, port }: Connection, why: string): PromotionFailed =>
  new PromotionFailed(`the server at ${host}:${port} is not promoted: ${why}`, {
    operation: 'promote',
    subject: `${host}:${port}`,
    hint: "let the site's connection and its control name the same server",
  });
