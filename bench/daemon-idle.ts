import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedInstallation, serverAccount } from '#harness/postgres-installations';
import { serverFolder, TestServer } from '#harness/postgres-server';
import { lifeboatProgram, runLifeboat } from '#harness/run-lifeboat';

/**
 * What `lifeboat up` takes while nothing happens, with one receiver beside an idle server: memory (resident, and the
 * part that is not shared with other processes of Node) and processor time over a minute, which the peer, a bare Node
 * process that waits, gives the measure for.
 */
const seconds = Number(process.argv[2] ?? 60);
const folder = serverFolder('lifeboat-bench-');
const server = await TestServer.create(embeddedInstallation());
const options = { cwd: folder, env: { USER: 'bench' }, ...(serverAccount ? { account: serverAccount } : {}) };
const place = ['--source', 'main', '--host', server.home, '--user', 'postgres', '--bucket', 'bucket'];
const ready = await runLifeboat(['init', ...place], options);
if (ready.exitCode !== 0) throw new Error(ready.stderr);
const environment = { PATH: process.env.PATH ?? '', HOME: folder };
const start = (words: string[]) =>
  spawn(process.execPath, words, {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
    ...serverAccount,
  });
const daemon = start([lifeboatProgram, 'up']);
const peer = start(['-e', 'setInterval(() => undefined, 1000)']);
try {
  await sleep(15_000); // started, and its first measurement made
  const before = [cpuMs(daemon.pid!), cpuMs(peer.pid!)] as const;
  await sleep(seconds * 1000);
  const used = [cpuMs(daemon.pid!) - before[0], cpuMs(peer.pid!) - before[1]] as const;
  report('lifeboat up', daemon.pid!, used[0]);
  report('node that waits', peer.pid!, used[1]);
} finally {
  daemon.kill('SIGTERM');
  peer.kill();
  await once(daemon, 'exit');
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
}

function report(name: string, pid: number, cpu: number): void {
  const memory = readFileSync(join('/proc', String(pid), 'smaps_rollup'), 'utf8');
  const mib = (field: string) => (Number(new RegExp(`^${field}: +(\\d+) kB`, 'm').exec(memory)![1]) / 1024).toFixed(0);
  const share = ((cpu / (seconds * 1000)) * 100).toFixed(2);
  console.log(
    `${name.padEnd(16)} ${mib('Rss')} MiB resident, ${mib('Pss_Anon')} MiB its own; ${share} % of a core over ${seconds} s`,
  );
}

/** utime and stime, in ticks of 10 ms; the command in parentheses may have blanks. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
