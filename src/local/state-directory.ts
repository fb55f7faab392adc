import { mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { InputInvalid } from '#model/failure';

/**
 * Where one machine keeps what AWS keeps for its services. Everything in it is for its owner's eyes: folders 0700.
 *
 *   endpoint.json, aws-credentials       how to reach the daemon
 *   executions/<machine>/<name>/         execution.json, definition.json, journal.jsonl, stop.json, end.json
 *   tasks/<id>/                          spec.json, started.json, exit.json, log
 *   tokens/<sha256>.asked, .json         task tokens that are waited for, and their answers
 *   events/, schedules.json, notices/, drills/
 */
export interface StateDirectory {
  path: string;
  endpoint: string;
  awsCredentials: string;
  executions: string;
  tasks: string;
  tokens: string;
  events: string;
  schedules: string;
  notices: string;
  drills: string;
}

/** Made where it is missing. @throws InputInvalid when others may write to it: what lies there is run and believed */
export async function openStateDirectory(given: string): Promise<StateDirectory> {
  const path = resolve(given);
  const at = (name: string): string => join(path, name);
  for (const folder of ['', 'executions', 'tasks', 'tokens', 'events', 'notices', 'drills']) {
    await mkdir(at(folder), { recursive: true, mode: 0o700 });
  }
  const { mode } = await stat(path);
  if ((mode & 0o022) !== 0) {
    const allowed = 'a directory that nobody but its owner may write to';
    throw new InputInvalid('--state', path, allowed, `chmod 700 ${path}, once you know that what lies there is yours`);
  }
  return {
    path,
    endpoint: at('endpoint.json'),
    awsCredentials: at('aws-credentials'),
    executions: at('executions'),
    tasks: at('tasks'),
    tokens: at('tokens'),
    events: at('events'),
    schedules: at('schedules.json'),
    notices: at('notices'),
    drills: at('drills'),
  };
}
