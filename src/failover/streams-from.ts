import type { ServerAnswer } from '#failover/site-facts';

type Answer = Extract<ServerAnswer, { state: 'answers' }>;

/**
 * Whether a standby streams from this primary, and not from a clone of it, which has the same system identifier: the primary has to
 * know a stream through the standby's slot, or where it uses none, of its name. undefined: one of them does not tell.
 */
export function streamsFrom({ followers }: Answer, { streams, follows }: Answer): boolean | undefined {
  if (!streams) return false;
  if (!followers || !follows) return undefined;
  const { slot, name } = follows;
  if (slot !== null) return followers.some((one) => one.slot === slot);
  return name === null ? undefined : followers.some((one) => one.name === name);
}
