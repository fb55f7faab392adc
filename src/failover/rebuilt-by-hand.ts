import type { Site } from '#model/failover-site';

/** Why nothing of ours can make a site's server a standby again, in words; undefined: it can. */
export function rebuiltByHand({ server }: Pick<Site, 'server'>): string | undefined {
  if (server.kind !== 'postgres') return undefined;
  const { control } = server;
  if (control.kind === 'sql') return 'control is sql';
  return control.kind === 'ec2' && !control.rebuildDocument ? 'the plan names no rebuildDocument' : undefined;
}
