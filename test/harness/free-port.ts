import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A port of 127.0.0.1 that stays ours while its server stops and starts: below the range that connections are given, and
 * noted in a file, so that no other test takes it meanwhile. `giveBackPort` removes the note.
 */
export async function takePort(): Promise<number> {
  for (;;) {
    const port = lowest + Math.floor(Math.random() * count);
    if (note(port) && (await isFree(port))) return port;
  }
}

export const giveBackPort = (port: number): void => rmSync(noteOf(port), { force: true });

/** Linux gives connections ports from 32768 on: https://docs.kernel.org/networking/ip-sysctl.html, ip_local_port_range */
const lowest = 20_000;
const count = 12_000;

const noteOf = (port: number) => join(tmpdir(), `lifeboat-test-port-${port}`);

/** False: another test has it. */
function note(port: number): boolean {
  try {
    writeFileSync(noteOf(port), `${process.pid}\n`, { flag: 'wx' });
    return true;
  } catch {
    if (!isDead(noteOf(port))) return false;
    rmSync(noteOf(port), { force: true });
    return false; // the next turn may take it
  }
}

function isDead(path: string): boolean {
  try {
    process.kill(Number(readFileSync(path, 'utf8')), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listens = await new Promise<boolean>((resolve) => {
    server
      .once('error', () => resolve(false))
      .listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(true));
  });
  if (listens) await new Promise((closed) => server.close(closed));
  else giveBackPort(port);
  return listens;
}
