import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

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
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  if (stat === undefined) return undefined;
  // the second field is the program's name, in parentheses, and may hold anything
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (state === 'Z' || state === 'X') return undefined;
  return { pid, startTime: fields[18]!, bootId: readBootId() };
}

export function isAlive(known: ProcessIdentity): boolean {
  const found = identify(known.pid);
  return found !== undefined && found.startTime === known.startTime && found.bootId === known.bootId;
}

/** All processes that have this in their environment, as far as we may see it. */
export async function withEnvironment(name: string, value: string): Promise<ProcessIdentity[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids.map(async (pid) => {
      // gone in the meantime, or none of ours
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      return environment.split('\0').includes(`${name}=${value}`) ? identify(Number(pid)) : undefined;
    }),
  );
  return found.filter((one) => one !== undefined);
}

/** A process, and where it runs. */
export interface ProcessMark extends ProcessIdentity {
  host: string;
}

/** @throws where there is no /proc */
export function markOfThisProcess(): ProcessMark {
  const identity = identify(process.pid);
  if (!identity) throw new Error('/proc does not show this process');
  return { host: hostname(), ...identity };
}

/** Does it live? `elsewhere`: it is another machine's or container's, and cannot be seen from here. */
export function stateOf({ host, ...identity }: ProcessMark): 'alive' | 'gone' | 'elsewhere' {
  if (host !== hostname()) return 'elsewhere';
  return isAlive(identity) ? 'alive' : 'gone';
}

const readBootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

function readStat(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // it has ended
  }
}
