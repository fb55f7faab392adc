import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Environment } from '#runtime/environment';

const program = fileURLToPath(new URL('./task-supervisor.mjs', import.meta.url));

export interface StartedSupervisor {
  pid: number | undefined;
  /** settles when it ends while we live; `problem` is what it said when it could not begin */
  ended: Promise<{ problem: string | undefined }>;
}

/** Let a process of its own run the task of this folder; it lives on when we die. Starting two is no harm. */
export function startSupervisor(folder: string, environment: Environment): StartedSupervisor {
  const child = spawn(process.execPath, ['--max-semi-space-size=1', program, folder], {
    detached: true,
    env: { ...environment, LIFEBOAT_TASK_FOLDER: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000);
  });
  const ended = once(child, 'close').then(
    ([code]) => ({ problem: code > 0 ? reasonIn(said) : undefined }),
    (error: Error) => ({ problem: error.message }),
  );
  // neither keeps us from ending
  child.unref();
  (child.stderr as { unref?(): void }).unref?.();
  return { pid: child.pid, ended };
}

/** Of what Node prints about an error that nobody caught: the line that tells it. */
function reasonIn(said: string): string {
  return /^\w*Error\b.*$/m.exec(said)?.[0] ?? said.trim().split('\n').at(-1) ?? '';
}
