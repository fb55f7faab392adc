import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process for good: its number alone may be another one's by now. */
export interface ProcessMark {
  host: string;
  /** of the machine's start */
  bootId: string;
  pid: number;
  /** since that start, in the kernel's ticks */
  startTicks: string;
}

export const markOfThisProcess = (): ProcessMark => ({
  host: hostname(),
  bootId: readBootId(),
  pid: process.pid,
  startTicks: readStartTicks(process.pid) ?? '',
});

/** Does it live? `elsewhere`: it is another machine's or container's, and cannot be seen from here. */
export function stateOf({ host, bootId, pid, startTicks }: ProcessMark): 'alive' | 'gone' | 'elsewhere' {
  if (host !== hostname()) return 'elsewhere';
  return bootId === readBootId() && readStartTicks(pid) === startTicks ? 'alive' : 'gone';
}

const readBootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** Field 22; the name before it may hold blanks and parentheses. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function readStartTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined; // it has ended
  }
}
