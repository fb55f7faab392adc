import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Evidence, evidenceSchema } from '#model/evidence';
import { type Notice, noticeSchema } from '#model/notice';

/** A task or one run of a service, by the files in its folder. */
export interface TaskFolder {
  id: string;
  folder: string;
  task: string;
  execution: string | null;
  supervisor: number | undefined;
  child: number | undefined;
  ended: boolean;
  log: string;
}

export interface WrittenRecord {
  type: string;
  key?: string;
  name?: string;
}

/** In the order in which they were started. */
export function taskFolders(state: string): TaskFolder[] {
  const root = join(state, 'tasks');
  const found = entriesOf(root)
    .filter((id) => !id.startsWith('.'))
    .flatMap((id) => {
      const folder = join(root, id);
      const spec = readJson(folder, 'spec.json');
      if (!spec) return [];
      const started = readJson(folder, 'started.json');
      return {
        id,
        folder,
        task: String((spec.arguments as string[]).at(-1)),
        execution: spec.execution as string | null,
        supervisor: (started?.supervisor as { pid: number } | null | undefined)?.pid,
        child: readJson(folder, 'child.json')?.pid as number | undefined,
        ended: existsSync(join(folder, 'exit.json')),
        log: existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8') : '',
        startedAt: String(started?.startedAt ?? 'z'),
      };
    });
  return found.sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
}

/** Supervisors and what they run, unless their numbers belong to others by now. */
export function livingTasks(state: string): number[] {
  return taskFolders(state)
    .flatMap(({ folder, supervisor, child }) => [supervisor, child].map((pid) => ({ pid, folder })))
    .flatMap(({ pid, folder }) => (pid !== undefined && worksFor(pid, folder) ? [pid] : []));
}

function worksFor(pid: number, folder: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`LIFEBOAT_TASK_FOLDER=${folder}`);
  } catch {
    return false; // it has ended
  }
}

/** SIGTERM, and SIGKILL for those that do not listen; settles when none is left. */
export async function endTasks(state: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const left = livingTasks(state);
    if (left.length === 0) return;
    for (const pid of left) {
      // what was stopped by a test has to hear of it
      killIfThere(pid, 'SIGCONT');
      killIfThere(pid, tries < 40 ? 'SIGTERM' : 'SIGKILL');
    }
    await sleep(50);
  }
}

/** A zombie is none: nobody may be there to reap it. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !'ZX'.includes(stat.slice(stat.lastIndexOf(')') + 2)[0]!);
  } catch {
    return false;
  }
}

export function killIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function entriesOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function readJson(folder: string, name: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, name), 'utf8'));
  } catch {
    return undefined; // not there, or not whole yet
  }
}

/** Whole lines only: the last one may be being written. */
function readLines(file: string): WrittenRecord[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line.slice(0, line.lastIndexOf('}') + 1)));
}

/** Records in the journals of all executions of a machine, or of all. */
export function journalRecords(state: string, machine?: string): WrittenRecord[] {
  const root = join(state, 'executions');
  const machines = machine === undefined ? entriesOf(root) : [machine];
  return machines.flatMap((one) =>
    entriesOf(join(root, one)).flatMap((name) => readLines(join(root, one, name, 'journal.jsonl'))),
  );
}

/** What was done, by the evidence in the bucket. */
export function evidenceIn(bucket: string): Evidence[] {
  const folder = join(bucket, 'evidence');
  const names = entriesOf(folder).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => evidenceSchema.parse(readJson(folder, name)));
}

/** What people were to be told by the daemon or a machine, told or not. */
export function noticesIn(state: string): Notice[] {
  return ['waiting', 'done', 'dead'].flatMap((kind) => {
    const folder = join(state, 'notices', kind);
    const found = entriesOf(folder).filter((name) => name.endsWith('.json'));
    return found.flatMap((name) => {
      const file = readJson(folder, name); // it may have been moved since
      return file ? [noticeSchema.parse(JSON.parse(String(file.message)))] : [];
    });
  });
}
