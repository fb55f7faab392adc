import { defineCommand } from '#cli/command';
import { formatTable } from '#cli/format-table';
import { InputInvalid } from '#model/failure';
import type { ChannelResult } from '#notify/deliver';
import { sendTestNotice } from '#notify/test-notice';
import { openSenders } from '#runtime/open-senders';
import { thisProcess } from '#runtime/this-process';

export const command = defineCommand({
  name: 'notify',
  summary: 'send a test notice to every channel of the plan',
  help: `Sends one notice that says it is a test through each channel under \`notifications\`, whatever occasions it has, and tells
which of them took it and why others did not. The exit code is 9 when one did not.`,
  examples: ['lifeboat notify --test'],
  options: { test: { flags: '--test', summary: 'yes, send it' } },

  async run({ test }, { plan, environment, output }) {
    const { notifications } = await plan();
    if (!test) throw new InputInvalid('--test', undefined, '--test', 'it is sent to people, so it has to be said');
    if (notifications.length === 0) {
      throw new InputInvalid('notifications', [], 'at least one channel in the plan', 'add one to the plan');
    }
    const results = await sendTestNotice(notifications, {
      senders: openSenders(environment),
      host: thisProcess().host,
    });
    output.print(formatTable(results.map(row)), { channels: results });
    return results.every(({ taken }) => taken) ? 0 : 9;
  },
});

const row = (result: ChannelResult): string[] => {
  if (result.taken) return [result.label, `took it${result.note === undefined ? '' : ` (${result.note})`}`];
  return [result.label, `DID NOT TAKE IT: ${result.reason}${result.hint === undefined ? '' : `: ${result.hint}`}`];
};
