/** What the tests' machines run instead of backups: `node scene-task.ts <name>`, with a SceneInput in LIFEBOAT_INPUT. */
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export type SceneInput = {
  /** gets a line for each thing that happens */
  notes: string;
  /** a file that has to be there before it ends */
  waitFor?: string;
  code?: number;
  deaf?: boolean;
};

const name = process.argv[2];
const { notes, waitFor, code = 0, deaf = false }: SceneInput = JSON.parse(process.env.LIFEBOAT_INPUT!);
appendFileSync(notes, `started ${name} ${process.pid}\n`);
process.on('SIGTERM', () => {
  appendFileSync(notes, `SIGTERM ${name}\n`);
  if (!deaf) process.exit(130);
});
while (waitFor !== undefined && !existsSync(waitFor)) await sleep(10);
appendFileSync(notes, `ended ${name}\n`);
process.exitCode = code;
