import type { Notice } from '#model/notice';
import type { Notification } from '#model/notification';

/**
 * The channels that want to know. Who was told of a failure is told that it is over, too; a status page also when what had failed
 * went well, which nobody calls a recovery.
 */
export function chooseChannels(
  channels: readonly Notification[],
  { occasion, recovered, dedupe }: Pick<Notice, 'occasion' | 'recovered' | 'dedupe'>,
): Notification[] {
  const mayEnd = occasion === 'success' && dedupe !== null;
  return channels.filter(
    ({ kind, on }) =>
      on.includes(occasion) || (on.includes('failure') && (recovered || (kind === 'statuspage' && mayEnd))),
  );
}
