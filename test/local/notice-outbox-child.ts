import { appendFileSync } from 'node:fs';
import { openNoticeOutbox } from '#local/notice-outbox';

/* Publishes what it is asked to and tells it into a file; killed by its test. argv: folder, log file, first number, count */
const [folder, log, first, count] = process.argv.slice(2);
const outbox = await openNoticeOutbox({
  folder: folder!,
  invoke: async (event) => appendFileSync(log!, `${event.Records[0]!.Sns.Message}\n`),
  log: { info: () => undefined, warn: () => undefined, error: console.error },
});
for (let number = Number(first); number < Number(first) + Number(count); number++) {
  await outbox.publish(`notice ${number}`, `id ${number}`);
  process.stdout.write(`${number}\n`);
}
