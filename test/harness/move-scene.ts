import type { MovableFacts, MoveFacts } from '#failover/move-facts';
import type { FenceFacts, ServerAnswer, SiteFacts } from '#failover/site-facts';
import type { FailoverGroup } from '#model/failover-group';
import type { FailoverStanding } from '#model/failover-standing';
import { type Lsn, lsn } from '#model/lsn';
import { parsePlan } from '#model/plan';

export const now = new Date('2026-11-20T03:00:00.000Z');
export const ago = (seconds: number): Date => new Date(now.getTime() - seconds * 1_000);

export const connection = (port: number) => ({ host: '127.0.0.1', port, user: 'postgres' });
const site = (port: number, control: object) => ({
  server: { kind: 'postgres', connection: connection(port), control },
});
export const local = { kind: 'local', dataDir: '/srv/cluster' };

/** A plan's only group, `shop`: home `east`, the other one `west`, a local control at both. */
export function groupOf(more: Record<string, unknown> = {}, sites: Record<string, object> = {}): FailoverGroup {
  const shop = {
    source: 'orders',
    home: 'east',
    sites: { east: site(5432, local), west: site(5433, local), ...sites },
    ...more,
  };
  const orders = { connection: connection(5432) };
  return parsePlan(
    JSON.stringify({ bucket: './bucket', encryption: 'none', sources: { orders }, failover: { shop } }),
    'plan.yml',
  ).failover[0]!;
}

export const bySql = (port: number) => site(port, { kind: 'sql' });

type Answer = Extract<ServerAnswer, { state: 'answers' }>;
const systemId = '7710121666982256801';
export const end = lsn(0x5000000n);
const hard: FenceFacts = { strength: 'hard', fenced: false, possible: true, how: 'it is stopped' };

const answers = (role: Answer['role'], more: Partial<Answer>): Answer => ({
  ...{ state: 'answers', role, systemId, timeline: 1, lsn: end, received: null, replayedAt: null, streams: false },
  ...{ readsBucket: false, clock: now, ...more },
});

export const primary = (name: string, more: Partial<Answer> = {}, fence: Partial<FenceFacts> = {}): SiteFacts => ({
  site: name,
  server: answers('primary', more),
  fence: { ...hard, ...fence },
});

export const standby = (name: string, more: Partial<Answer> = {}): SiteFacts => ({
  site: name,
  server: answers('standby', { received: more.lsn ?? end, replayedAt: ago(1), streams: true, ...more }),
  // it cannot become a primary by itself
  fence: { ...hard, fenced: true },
});

export const behind = (bytes: number): Lsn => lsn(end - BigInt(bytes));

export const silent = (name: string, fence: Partial<FenceFacts> = {}): SiteFacts => ({
  site: name,
  server: { state: 'silent', why: 'connect ECONNREFUSED' },
  fence: { ...hard, ...fence },
});

export const absent = (name: string): SiteFacts => ({
  site: name,
  server: { state: 'absent' },
  fence: { ...hard, fenced: true, how: 'there is nothing that could run' },
});

export const known = <T>(value: T) => ({ known: true, value }) as const;
export const unknown = (why: string) => ({ known: false, why }) as const;

export const movable = (
  part: MovableFacts['part'],
  current: string,
  more: Partial<MovableFacts> = {},
): MovableFacts => ({
  ...{ part, what: `file /srv/${part}`, wanted: { east: 'to-east', west: 'to-west' } },
  ...{ current: known(current), problems: [], ...more },
});

/** All is well: east has the primary, west streams from it and has everything, and everything leads to east. */
export const wellFacts = (more: Partial<MoveFacts> = {}): MoveFacts => ({
  sites: [primary('east'), standby('west')],
  bucket: known({ backups: 3, systemId, timeline: 1, end, at: ago(2) }),
  replication: known(null),
  proof: known({ backup: '20261119T020000Z-full', at: ago(86_400) }),
  movables: [
    movable('names', 'to-east'),
    movable('capacity', 'to-east', { site: 'west' }),
    movable('settings', 'to-east'),
  ],
  witnesses: [],
  measured: known([{ mode: 'failover', rtoMs: 42_000, at: ago(864_000) }]),
  standing: known(undefined),
  ...more,
});

export const standingOf = (more: Partial<FailoverStanding> = {}): FailoverStanding => ({
  ...{
    format: 'lifeboat-failover/1',
    group: 'shop',
    at: ago(30).toISOString(),
    primary: 'east',
    sites: [],
    gone: null,
  },
  ...{ witnesses: [], findings: [], automatic: null, plans: [], ...more },
});
