/**
 * A task that does what it is told, and writes a line into a file for each start:
 * `node task-child.ts <file> exit <code> | wait <file> | ignore | talk <MB> | leave`
 */
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [, , file, what, detail] = process.argv as string[];
appendFileSync(file!, `started ${process.pid}\n`);

if (what === 'exit') process.exitCode = Number(detail);
if (what === 'wait') {
  process.on('SIGTERM', () => {
    appendFileSync(file!, 'SIGTERM\n');
    process.exit(130);
  });
  while (!existsSync(detail!)) await sleep(20);
  appendFileSync(file!, 'done\n');
}
if (what === 'ignore') {
  process.on('SIGTERM', () => appendFileSync(file!, 'SIGTERM\n'));
  appendFileSync(file!, 'ready\n');
  setInterval(() => undefined, 1000);
}
if (what === 'talk') {
  const line = Buffer.alloc(1 << 20, `${'x'.repeat(99)}\n`);
  process.stdout.write('the first line\n');
  for (let done = 0; done < Number(detail); done++) {
    if (!process.stdout.write(line)) await new Promise((resolve) => process.stdout.once('drain', resolve));
  }
  process.stdout.write('the last line\n');
}
if (what === 'leave') {
  // a process in a session of its own, with the output still open
  const left = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], {
    detached: true,
    stdio: 'inherit',
  });
  appendFileSync(file!, `left ${left.pid}\n`);
  left.unref();
}
