import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { type Environment, resolvePath } from '#runtime/environment';

/** How to reach the daemon of a state directory; whoever may read the file may do what the daemon can do. */
export interface DaemonEndpoint {
  /** on loopback */
  url: string;
  pid: number;
  startedAt: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

const schema: z.ZodType<DaemonEndpoint> = z.object({
  url: z.url(),
  pid: z.int().positive(),
  startedAt: z.string(),
  region: z.string(),
  accessKeyId: z.string(),
  secretAccessKey: z.string(),
});

/** undefined when no daemon ever started there, or when we may not know. */
export async function readEndpoint(stateDirectory: string): Promise<DaemonEndpoint | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(join(stateDirectory, 'endpoint.json'), 'utf8')));
  } catch {
    return undefined;
  }
}

/** --state, else LIFEBOAT_STATE, else `lifeboat.state` beside the plan. Absolute. */
export function stateDirectoryOf(
  given: string | undefined,
  { planPath, cwd, environment }: { planPath: string; cwd: string; environment: Environment },
): string {
  const named = given ?? (environment.LIFEBOAT_STATE || undefined);
  if (named !== undefined) return resolvePath(named, cwd, environment);
  return join(dirname(resolve(cwd, planPath)), 'lifeboat.state');
}
