import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, fchownSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RestoreFailed } from '#model/failure';
import type { ServerStart } from '#model/recovery-system';
import { printSettings, withoutSettings } from '#recovery/settings';
import type { Environment } from '#runtime/environment';
import { worksIn } from '#runtime/orphaned-server';
import { serverAccount } from '#runtime/server-account';
import { findServerPrograms } from '#runtime/server-programs';

export interface StartedServer {
  port: number;
  pid: number;
  /** that it listens on besides its socket; empty: on none */
  address: string;
}

/** A restored cluster has replayed already: it only has to come up. */
const patienceMs = 120_000;
const logName = 'lifeboat.server.log';

/**
 * Start the server of a restored cluster for good: it runs on when we end, and its settings lie in postgresql.auto.conf, so that
 * whoever starts it later gets the same. One that runs there already is the answer. What it says goes to a file in its directory.
 * @throws RestoreFailed when it does not come up; InputInvalid when there is no account for it
 */
export async function startRestoredServer(
  dataDir: string,
  start: ServerStart,
  { environment, signal }: { environment: Environment; signal: AbortSignal },
): Promise<StartedServer> {
  const there = readPostmaster(dataDir);
  if (there?.ready) return there;
  if (!there) {
    const account = await serverAccount(environment.LIFEBOAT_RUN_AS, 'LIFEBOAT_RUN_AS');
    writeSettings(dataDir, start);
    await launch(dataDir, serverProgram(dataDir, environment), account);
  }
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 50) {
    signal.throwIfAborted();
    const found = readPostmaster(dataDir);
    if (found?.ready) return found;
    if (!found && waitedMs > 2_000) break; // it has written its pid file long ago, and is gone
    await sleep(50, undefined, { signal });
  }
  throw new RestoreFailed(`the restored server in ${dataDir} does not come up: ${lastLines(dataDir)}`, {
    operation: 'start server',
    subject: dataDir,
    hint: `see ${join(dataDir, logName)}; another port or socket folder stands in the plan under systems, start`,
  });
}

/** False when none ran there. @throws RestoreFailed when it does not end */
export async function stopRestoredServer(dataDir: string, signal: AbortSignal): Promise<boolean> {
  const found = readPostmaster(dataDir);
  if (!found) return false;
  process.kill(found.pid, 'SIGINT'); // fast: https://www.postgresql.org/docs/current/server-shutdown.html
  for (let waitedMs = 0; waitedMs < patienceMs && worksIn(found.pid, dataDir); waitedMs += 50)
    await sleep(50, undefined, { signal });
  if (!worksIn(found.pid, dataDir)) return true;
  throw new RestoreFailed(`the restored server ${found.pid} in ${dataDir} does not end`, {
    operation: 'stop server',
    subject: dataDir,
    hint: 'look what it waits for, before anybody starts the old one',
  });
}

/**
 * The server that works in a data directory, by the lock file that it keeps there.
 * Source: https://www.postgresql.org/docs/current/storage-file-layout.html, and PostgreSQL's src/include/utils/pidfile.h
 */
function readPostmaster(dataDir: string): (StartedServer & { ready: boolean }) | undefined {
  const path = join(dataDir, 'postmaster.pid');
  if (!existsSync(path)) return undefined;
  const [pid = '', , , port = '', , address = '', , state = ''] = readFileSync(path, 'utf8').split('\n');
  if (!/^\d+$/.test(pid) || !worksIn(Number(pid), dataDir)) return undefined;
  return { pid: Number(pid), port: Number(port), address, ready: state.trim() === 'ready' };
}

function writeSettings(dataDir: string, { port, settings }: ServerStart): void {
  const wanted = { ...settings, ...(port === undefined ? {} : { port: String(port) }) };
  if (Object.keys(wanted).length === 0) return;
  const path = join(dataDir, 'postgresql.auto.conf');
  const kept = withoutSettings(readFileSync(path, 'utf8'), Object.keys(wanted)).trimEnd();
  // written in place: owner and mode stay
  writeFileSync(path, `${kept}\n${printSettings(wanted, 'lifeboat recover-system: as the plan has it')}`);
}

function serverProgram(dataDir: string, environment: Environment): string {
  const major = Number(readFileSync(join(dataDir, 'PG_VERSION'), 'utf8').trim());
  const binDir = environment.LIFEBOAT_BIN_DIR ?? findServerPrograms(major, environment);
  if (binDir !== undefined) return join(binDir, 'postgres');
  throw new RestoreFailed(`there is no server of PostgreSQL ${major} on this machine`, {
    operation: 'start server',
    subject: dataDir,
    hint: 'install it, or name its folder in LIFEBOAT_BIN_DIR',
  });
}

async function launch(dataDir: string, program: string, account?: { uid: number; gid: number }): Promise<void> {
  const log = openSync(join(dataDir, logName), 'a', 0o600);
  try {
    if (account) fchownSync(log, account.uid, account.gid);
    const child = spawn(program, ['-D', dataDir], {
      stdio: ['ignore', log, log],
      detached: true,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      cwd: '/',
      ...account,
    });
    await once(child, 'spawn');
    child.unref();
  } catch (cause) {
    throw new RestoreFailed(`${program} cannot be started: ${(cause as Error).message}`, {
      operation: 'start server',
      subject: dataDir,
      hint: 'the account that runs servers has to be able to execute it',
      cause,
    });
  } finally {
    closeSync(log);
  }
}

function lastLines(dataDir: string): string {
  const path = join(dataDir, logName);
  const text = existsSync(path) ? readFileSync(path, 'utf8').trimEnd() : '';
  return text === '' ? 'it said nothing' : text.split('\n').slice(-3).join('; ').slice(-600);
}
