#!/usr/bin/env node
/*
 * lifeboat on whichever `node` comes first in PATH. The sources are TypeScript that Node 24 runs as it is; an older
 * Node hands over to the one that npm installed beside us. Syntax of Node 12 here, and nothing imported that is not
 * needed: PostgreSQL runs this once for each WAL segment.
 */
const needed = 24;

if (parseInt(process.versions.node, 10) >= needed) runHere();
else handOver();

function runHere() {
  const cache = cacheFolder(process.env);
  if (cache) process.getBuiltinModule('node:module').enableCompileCache(cache);
  if (process.argv.includes('up') && process.execve && !process.env.LIFEBOAT_COMPILED) becomeDaemon();
  else import('../src/cli/main.ts').then((cli) => cli.main());
}

/**
 * The same process twice more, with options: one that mostly waits keeps far less memory when young objects are
 * collected sooner, and when glibc has one heap, not one for each thread, and gives back what is free. The first time
 * it only compiles, for that takes 25 MB which are never given back; what it compiled holds for the same options alone.
 */
function becomeDaemon() {
  const options = ['--max-semi-space-size=1', '--expose-gc', '--disable-warning=ExperimentalWarning'];
  const again = (more) =>
    process.execve(process.execPath, [process.execPath, ...options, ...process.argv.slice(1)], {
      ...process.env,
      MALLOC_ARENA_MAX: '1',
      MALLOC_TRIM_THRESHOLD_: '65536',
      ...more,
    });
  if (process.execArgv.join() !== options.join()) again({});
  import('../src/cli/warm-cache.ts')
    .then((cli) => cli.warmCache())
    .catch(() => undefined) // what is wrong, the next one says
    .then(() => {
      process.getBuiltinModule('node:module').flushCompileCache();
      again({ LIFEBOAT_COMPILED: 'yes' });
    });
}

/** Compiled code is kept for the next time (a third of a short run); in our own folder, since code in /tmp is anybody's. */
function cacheFolder(environment) {
  if (environment.NODE_COMPILE_CACHE) return undefined;
  if (environment.XDG_CACHE_HOME) return `${environment.XDG_CACHE_HOME}/lifeboat`;
  return environment.HOME && `${environment.HOME}/.cache/lifeboat`;
}

function handOver() {
  Promise.all([import('node:child_process'), import('node:fs'), import('node:url')]).then((modules) => {
    const newer = modules[2].fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
    if (!modules[1].existsSync(newer)) {
      console.error(`lifeboat: node ${process.versions.node} is too old, expected ${needed} or newer`);
      console.error(
        'HINT: run `npm install` in the folder of lifeboat, which brings one, or put a newer node into PATH',
      );
      process.exit(2);
    }
    passOn(modules[0].spawn(newer, process.argv.slice(1), { stdio: 'inherit' }));
  });
}

/** Signals go to the child, its end becomes ours. */
function passOn(child) {
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'];
  signals.forEach((signal) => {
    process.on(signal, () => {
      child.kill(signal);
    });
  });
  child.on('error', (error) => {
    console.error(`lifeboat: ${error.path} cannot be started: ${error.message}`);
    process.exit(2);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
