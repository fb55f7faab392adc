import type { Notice } from '#model/notice';
import type { Notification } from '#model/notification';

/** The channels that want to know. Who was told of a failure is told that it is over, too. */
export function chooseChannels(
  channels: readonly Notification[],
  { occasion, recovered }: Pick<Notice, 'occasion' | 'recovered'>,
): Notification[] {
  return channels.filter(({ on }) => on.includes(occasion) || (recovered && on.includes('failure')));
}
