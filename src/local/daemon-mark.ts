import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { parseExecutionArn } from '#model/arn';
import type { NoticeInput } from '#model/notice';
import { startedAfterCrash } from '#notify/daemon-notice';
import { readJson, replaceFile } from './durable-file.ts';
import type { LocalLog } from './local-log.ts';

/** One run of the daemon: the file `running.json` is there while it runs, and afterwards when it did not end well. */
export interface DaemonRun {
  /** Say what goes on of what the run before left, and tell people when it had not ended well. */
  tell(resumed: readonly string[], to: { log: LocalLog; publish(notice: NoticeInput): Promise<void> }): Promise<void>;
  /** It ends well. */
  end(): Promise<void>;
}

export async function beginRun(stateDirectory: string, now: Date): Promise<DaemonRun> {
  const file = join(stateDirectory, 'running.json');
  const before = await readJson(file).catch(() => ({})); // one that cannot be read was left by a crash, too
  await replaceFile(file, JSON.stringify({ format: 'lifeboat-run/1', startedAt: now.toISOString() }));
  return {
    async tell(resumed, { log, publish }) {
      const names = resumed.map(nameOf);
      for (const name of names) log.info(`${name} was interrupted and goes on`);
      if (before === undefined) return;
      log.warn('the daemon before this one did not end as it should have');
      await publish(startedAfterCrash({ host: hostname(), startedAt: now, resumed: names }));
    },
    end: () => rm(file, { force: true }),
  };
}

function nameOf(arn: string): string {
  const { machine, name } = parseExecutionArn(arn) ?? { machine: '', name: arn };
  return `${machine} ${name}`.trim();
}
