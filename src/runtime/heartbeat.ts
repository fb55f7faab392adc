import { writeFileSync } from 'node:fs';

/**
 * A file whose age tells how long ago work went on: check-heartbeat.mjs, the health check of a container, looks at it. Answers
 * what makes it young again. Without a path there is nobody who looks.
 */
export function openHeartbeat(path: string | undefined): () => void {
  if (!path) return () => undefined;
  return () => {
    try {
      writeFileSync(path, `${process.pid}\n`);
    } catch {
      // a file that cannot be written grows old, and that is told
    }
  };
}
