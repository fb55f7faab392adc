/**
 * The health check of a container: exit code 0 while the heartbeat of its task (heartbeat.ts) is young, 1 when it is not. A
 * task is given the time that a put may take with all its repetitions. Plain JavaScript with no imports of ours, since it
 * is started twice a minute.
 */
import { statSync } from 'node:fs';

const oldestMs = 5 * 60_000;
const path = process.env.LIFEBOAT_HEARTBEAT;

try {
  if (!path) throw new Error('LIFEBOAT_HEARTBEAT names no file');
  const ageMs = Date.now() - statSync(path).mtimeMs;
  if (ageMs > oldestMs) throw new Error(`nothing has gone on for ${Math.round(ageMs / 1000)} s`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
