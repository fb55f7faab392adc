/**
 * Runs one task and outlives whoever started it: `node task-supervisor.mjs <task folder>`. Plain JavaScript with no
 * imports of ours, for one of these runs beside every task and what strips types needs more memory than all of this.
 *
 * The folder tells the task's life, each file written once and whole:
 *   spec.json     what is to run. It is there before any supervisor is.
 *   started.json  which supervisor runs it. Made exclusively and synced before anything runs: of several supervisors
 *                 one goes on, and a task that has this file is never started again.
 *   exit.json     how it ended, after nothing of it runs any more.
 *   log, log.before, log.tail   what it said: the first MiB, and the last 4 to 8
 * A supervisor that is gone without exit.json was killed: whoever finds that ends what is left of the task, which all
 * has LIFEBOAT_TASK_FOLDER in its environment, like this process itself.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';

const folder = process.argv[2];
const spec = JSON.parse(fs.readFileSync(`${folder}/spec.json`, 'utf8'));
const headBytes = spec.logHeadBytes ?? 1024 * 1024;
const tailBytes = spec.logTailBytes ?? 4 * 1024 * 1024;

let child;
let stopRequestedAt = null;
let killedForced = false;

// before started.json tells anybody where to send a signal
process.on('SIGTERM', stop).on('SIGINT', stop);
process.on('SIGHUP', () => undefined);

// A disk that is full when the task ends must not keep us from saying how: the room is taken now.
const reserved = fs.openSync(`${folder}/exit.${process.pid}.tmp`, 'w', 0o600);
fs.writeSync(reserved, ' '.repeat(4096));
fs.fsyncSync(reserved);

if (claim()) run();
else fs.rmSync(`${folder}/exit.${process.pid}.tmp`);

function claim() {
  const mine = `${folder}/started.${process.pid}.tmp`;
  const [bootId, startTime] = [readBootId(), readStartTime()];
  const started = {
    format: 'lifeboat-started/1',
    supervisor: { pid: process.pid, startTime, bootId },
    // a copy of this folder has another one: what is at work here is none of its own
    inode: String(fs.statSync(folder, { bigint: true }).ino),
    startedAt: new Date().toISOString(),
  };
  const file = fs.openSync(mine, 'w', 0o600);
  fs.writeSync(file, JSON.stringify(started));
  fs.fsyncSync(file);
  fs.closeSync(file);
  try {
    fs.linkSync(mine, `${folder}/started.json`);
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    fs.rmSync(mine);
  }
  syncFolder();
  return true;
}

function run() {
  const log = openLog();
  child = spawn(process.execPath, spec.arguments, {
    cwd: spec.cwd,
    env: { ...process.env, ...spec.environment, LIFEBOAT_TASK_FOLDER: folder },
    detached: true, // a group of its own, so that all of it can be ended
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) note('child.json', { pid: child.pid });
  child.stdout.on('data', log.write);
  child.stderr.on('data', log.write);
  child.once('error', ({ message }) => {
    if (child.pid === undefined) finish({ exitCode: null, signal: null, problem: message.slice(0, 1000) }, log);
  });
  child.once('exit', async (exitCode, signal) => {
    // as in a container: with the first process all others end
    endTheRest();
    const closed = new Promise((resolve) => child.once('close', resolve));
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 2000))]);
    finish({ exitCode, signal, problem: null }, log);
  });
  if (stopRequestedAt !== null) signalChild();
}

function stop() {
  if (stopRequestedAt !== null) return;
  stopRequestedAt = new Date().toISOString();
  if (child?.pid !== undefined) signalChild();
}

function signalChild() {
  child.kill('SIGTERM');
  setTimeout(() => {
    killedForced = true;
    killGroup();
  }, spec.stopTimeoutMs).unref();
}

function killGroup() {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

/** Until none is left: one that is just being started by another is found in the next round. */
function endTheRest() {
  const mark = `LIFEBOAT_TASK_FOLDER=${folder}`;
  for (let round = 0; round < 20; round++) {
    const others = fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid);
    const ours = others.filter((pid) => environmentOf(pid).includes(mark));
    if (ours.length === 0) return;
    for (const pid of ours) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {} // it ended by itself
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5 * (round + 1));
  }
}

/** Nothing for a process that is gone, of the kernel, or of somebody else: it is not ours. A zombie has none either. */
function environmentOf(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function finish(ending, log) {
  log.close();
  const stoppedAt = new Date().toISOString();
  const record = {
    format: 'lifeboat-exit/1',
    ...ending,
    stoppedAt,
    stopRequestedAt,
    killedForced,
    logBytes: log.bytes,
  };
  fs.writeSync(reserved, JSON.stringify(record).padEnd(4096), 0);
  fs.fsyncSync(reserved);
  fs.renameSync(`${folder}/exit.${process.pid}.tmp`, `${folder}/exit.json`);
  syncFolder();
  process.exit(0);
}

/** The log is kept as well as it can be: a full disk loses its end, and never the task. */
function openLog() {
  const log = { bytes: 0, write, close };
  let file = open('log');
  let room = headBytes;
  return log;

  function open(name) {
    try {
      return fs.openSync(`${folder}/${name}`, 'w', 0o600);
    } catch {
      return undefined;
    }
  }
  function write(chunk) {
    log.bytes += chunk.length;
    for (let at = 0; at < chunk.length; ) {
      if (room === 0) turn();
      const some = chunk.subarray(at, at + room);
      at += some.length;
      room -= some.length;
      try {
        if (file !== undefined) fs.writeSync(file, some);
      } catch {} // no space left
    }
  }
  function turn() {
    close();
    try {
      if (fs.existsSync(`${folder}/log.tail`)) fs.renameSync(`${folder}/log.tail`, `${folder}/log.before`);
    } catch {} // then what came before is written over
    file = open('log.tail');
    room = tailBytes;
  }
  function close() {
    if (file !== undefined) fs.closeSync(file);
    file = undefined;
  }
}

function note(name, value) {
  try {
    fs.writeFileSync(`${folder}/${name}`, JSON.stringify(value), { mode: 0o600 });
  } catch {} // only shown to people
}

function readBootId() {
  return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** In clock ticks since the boot: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function readStartTime() {
  const stat = fs.readFileSync('/proc/self/stat', 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function syncFolder() {
  const handle = fs.openSync(folder, 'r');
  fs.fsyncSync(handle);
  fs.closeSync(handle);
}
