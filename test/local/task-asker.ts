/** An engine's part in a task, as a process that can be killed: `node task-asker.ts <tasks folder> <spec as JSON>` */
import { TaskProcesses } from '#local/task-processes';

const [, , folder, spec] = process.argv as string[];
const tasks = new TaskProcesses({ folder: folder!, environment: process.env });
const end = await tasks.run(JSON.parse(spec!), { stop: new AbortController().signal });
process.stdout.write(JSON.stringify(end));
