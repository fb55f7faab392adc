import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';

/*
 * PostgreSQL's own programs of a version that this machine's Debian does not have: what we restore is compared with
 * what pg_combinebackup makes. Packages of a newer suite are fetched with this machine's apt (its mirror, its proxies,
 * its trust in Debian's keys), as any user and into a folder of our own, and unpacked there without being installed.
 * They need a newer libc than the machine's, so they are run by the loader that comes with that libc.
 */
const suite = 'forky';
const major = 18;
const packages = ['postgresql-18', 'postgresql-client-18', 'libc6', 'libssl3t64'];
const libraries = ['zlib1g', 'libzstd1', 'liblz4-1', 'libxxhash0'];
const trusted = '/usr/share/keyrings/debian-archive-keyring.gpg';
const cache = resolve(import.meta.dirname, '../../.cache/reference-programs');

export interface Ran {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

export class ReferencePrograms {
  readonly #binDir: string;
  readonly #loader: readonly string[];

  /** Fetches them when they are not in .cache/ yet (20 MB, some seconds). @throws with what to do */
  static get(): ReferencePrograms {
    const root = join(cache, `postgresql-${major}-${suite}`);
    if (!existsSync(root)) fetchTo(root);
    return new ReferencePrograms(root);
  }

  private constructor(root: string) {
    const lib = join(root, 'usr/lib');
    const folder = readdirSync(lib).find((name) => existsSync(join(lib, name, 'libc.so.6')))!;
    const loader = readdirSync(join(lib, folder)).find((name) => /^ld-linux.*\.so\.\d$/.test(name))!;
    this.#loader = [join(lib, folder, loader), '--library-path', join(lib, folder)];
    this.#binDir = join(root, 'usr/lib/postgresql', String(major), 'bin');
  }

  /** Scripts that run them, in a folder that a program can be told to find them in. */
  wrappersIn(folder: string, programs: readonly ('pg_dump' | 'pg_restore')[]): void {
    for (const program of programs) {
      const words = [...this.#loader, join(this.#binDir, program)].map((word) => `'${word}'`).join(' ');
      writeFileSync(join(folder, program), `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
    }
  }

  async run(program: 'pg_combinebackup' | 'pg_verifybackup', args: readonly string[]): Promise<Ran> {
    const [loader, ...before] = this.#loader;
    return runProgram(loader!, [...before, join(this.#binDir, program), ...args]);
  }
}

export async function runProgram(program: string, args: readonly string[]): Promise<Ran> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { LC_ALL: 'C' } });
  const [[exitCode], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { exitCode, stdout, stderr };
}

function fetchTo(root: string): void {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'fetching-'));
  try {
    for (const path of ['state/lists/partial', 'cache/archives/partial', 'root']) {
      mkdirSync(join(folder, path), { recursive: true });
    }
    writeFileSync(join(folder, 'status'), '');
    writeFileSync(join(folder, 'sources.list'), `deb [signed-by=${trusted}] ${mirror()} ${suite} main\n`);
    apt(folder, ['update']);
    apt(folder, ['download', ...packages, ...libraries]);
    for (const name of readdirSync(folder).filter((name) => name.endsWith('.deb'))) {
      must('dpkg-deb', ['-x', join(folder, name), join(folder, 'root')]);
    }
    try {
      renameSync(join(folder, 'root'), root);
    } catch (error) {
      if (!existsSync(root)) throw error; // another test process was first
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where this machine gets its Debian packages. */
function mirror(): string {
  const sites = must('apt-get', ['indextargets', '--format', '$(SITE)', 'Created-By: Packages']).split('\n');
  const site = sites.find((site) => /\/debian\/?$/.test(site));
  if (site === undefined) throw new Error(`apt has no mirror of Debian among its sources\n${instruction}`);
  return site;
}

function apt(folder: string, args: readonly string[]): void {
  const options = {
    'Dir::Etc::SourceList': join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'APT::Sandbox::User': userInfo().username,
    'Acquire::Languages': 'none',
    'APT::Update::Error-Mode': 'any',
  };
  const given = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  must('apt-get', [...given, '-qq', ...args], folder);
}

function must(program: string, args: readonly string[], cwd = '/'): string {
  const ran = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (ran.status === 0) return ran.stdout;
  const said = ran.error?.message ?? ran.stderr.trim().split('\n').slice(-3).join('\n');
  throw new Error(`${program} ${args.at(-1)}: ${said}\n${instruction}`);
}

const instruction =
  `HINT: this test compares with PostgreSQL ${major}'s own programs, which it gets from Debian ${suite} with apt-get and ` +
  `dpkg-deb over the network (test/README.md). Where there is none, copy .cache/reference-programs from a machine with one.`;
