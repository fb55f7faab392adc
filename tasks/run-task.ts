import { Aborted } from '#model/failure';
import { performTask } from '#tasks/perform-task';

/*
 * `node tasks/run-task.ts <task>`: a task as a process, in a container or under the daemon of one machine. What it
 * works on comes in the environment: LIFEBOAT_INPUT, LIFEBOAT_EXECUTION, LIFEBOAT_RESULT, LIFEBOAT_PLAN.
 */
const { stdout } = process;
stdout.on('error', () => undefined); // nobody reads the log any more, which is no reason to stop

process.exitCode = await performTask(process.argv[2], {
  environment: process.env,
  cwd: process.cwd(),
  signal: untilSignal(),
  now: () => new Date(),
  write: (line) => void stdout.write(line),
});
// a connection that somebody forgot may not keep us here
setTimeout(() => process.exit(), 1_000).unref();

/**
 * Aborted by the first SIGTERM or SIGINT; a second one ends the process at once. An error that nobody caught ends the
 * work in order, too, so that what it began is cleared away.
 */
function untilSignal(): AbortSignal {
  const orderlyEndMs = 20_000;
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort(new Aborted(`interrupted by ${name}`, { operation: 'run task', subject: name }));
    });
  }
  process.on('uncaughtException', (error) => {
    controller.abort(error instanceof Error ? error : new Error(String(error)));
    setTimeout(() => process.exit(1), orderlyEndMs).unref();
  });
  return controller.signal;
}
