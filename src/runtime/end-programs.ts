import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** End a program that somebody who was killed has left at work on a folder, which is one of its arguments. */
export async function endProgramsOn(program: string, folder: string): Promise<void> {
  for (const pid of workingOn(program, folder)) kill(pid);
  while (workingOn(program, folder).length > 0) await sleep(20);
}

const workingOn = (program: string, folder: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const words = wordsOf(pid);
      return words[0]?.split('/').at(-1) === program && words.includes(folder);
    })
    .map(Number);

function wordsOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it has ended
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
