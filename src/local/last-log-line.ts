import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** What a task last said of itself: tasks/task-log.ts writes such lines. */
export type LogLine = z.infer<typeof schema>;

const schema = z.object({
  time: z.string(),
  level: z.string().optional(),
  message: z.string(),
  /** of a failure: what to do */
  hint: z.string().optional(),
  doneBytes: z.number().optional(),
  totalBytes: z.number().optional(),
  bytesPerSecond: z.number().optional(),
  secondsLeft: z.number().optional(),
});

const tailBytes = 8192;

/** Why a task failed, by its own words: the last that it said; undefined when it could not say it, or did not fail. */
export async function lastComplaint(taskFolder: string): Promise<LogLine | undefined> {
  const said = await lastLogLine(taskFolder);
  return said?.level === 'ERROR' ? said : undefined;
}

/** undefined when it has said nothing yet, or nothing that is understood. */
export async function lastLogLine(taskFolder: string): Promise<LogLine | undefined> {
  // the supervisor goes on in the second one when the first is full
  const said = (await tailOf(join(taskFolder, 'log.tail'))) || (await tailOf(join(taskFolder, 'log')));
  const lines = said.trimEnd().split('\n');
  for (const line of lines.reverse()) {
    const parsed = parse(line);
    if (parsed) return parsed;
  }
  return undefined;
}

async function tailOf(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const start = Math.max(0, size - tailBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } catch {
    return ''; // it was removed, or has not been made yet
  }
}

function parse(line: string): LogLine | undefined {
  try {
    return schema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
