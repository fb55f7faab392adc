import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The first and the last that a task said, with a line between them where something was left out. */
export async function readTaskLog(folder: string): Promise<string> {
  const [head, before, tail] = await Promise.all(
    ['log', 'log.before', 'log.tail'].map((name) => readFile(join(folder, name), 'utf8').catch(() => '')),
  );
  const gap = before ? '\n[some of the output was left out here]\n' : '';
  return `${head}${gap}${before}${tail}`;
}
