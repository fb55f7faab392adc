import { readdir, readFile } from 'node:fs/promises';

/**
 * One process for good: numbers are given again to others, but not the number together with the moment of its start,
 * and after a boot both mean nothing.
 */
export interface ProcessIdentity {
  pid: number;
  /** clock ticks since the boot, as text: field 22 of https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
  startTime: string;
  bootId: string;
}

/** undefined when nothing runs under this number; a zombie runs no more. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readProc(`${pid}/stat`);
  if (stat === undefined) return undefined;
  // the second field is the program's name, in parentheses, and may hold anything
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (state === 'Z' || state === 'X') return undefined;
  return { pid, startTime: fields[18]!, bootId: (await bootId())! };
}

export async function isAlive(known: ProcessIdentity): Promise<boolean> {
  const found = await identify(known.pid);
  return found !== undefined && found.startTime === known.startTime && found.bootId === known.bootId;
}

/** All processes that have this in their environment, as far as we may see it. */
export async function withEnvironment(name: string, value: string): Promise<ProcessIdentity[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readProc(`${pid}/environ`);
      return environment?.split('\0').includes(`${name}=${value}`) ? identify(Number(pid)) : undefined;
    }),
  );
  return found.filter((one) => one !== undefined);
}

const bootId = async (): Promise<string | undefined> => (await readProc('sys/kernel/random/boot_id'))?.trim();

/** undefined for a process that is gone in the meantime, or that is none of ours. */
async function readProc(path: string): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${path}`, 'utf8');
  } catch {
    return undefined;
  }
}
