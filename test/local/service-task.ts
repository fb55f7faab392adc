/** A service of the tests: `node service-task.ts <name>`. It ends when its input's file is there, or when it is told. */
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const { notes, endWhen }: { notes: string; endWhen: string } = JSON.parse(process.env.LIFEBOAT_INPUT!);
appendFileSync(notes, `started ${process.pid}\n`);
process.on('SIGTERM', () => {
  appendFileSync(notes, 'SIGTERM\n');
  process.exit(0);
});
while (!existsSync(endWhen)) await sleep(10);
process.exitCode = 4;
