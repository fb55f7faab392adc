import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { machineInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import type { DumpManifest, DumpPart } from '#model/dump-manifest';
import { keyFileRing, type MasterKey, masterKeyId } from '#pipeline/data-key';
import type { DumpHeader } from '#pipeline/dump-header';
import { readContainer } from '#pipeline/read-container';
import { findClientPrograms } from '#runtime/find-program';
import { libpqEnvironment } from '#runtime/libpq-environment';
import { dumpManifestKey, dumpObjectKey, dumpsFolder } from '#store/bucket-layout';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import { type DumpWork, takeDump } from '#tasks/dump';

export const { binDir } = machineInstallation();

/** The source `orders`: a server of the machine's own version, which has all programs, and an encrypted bucket. */
export class DumpScene {
  readonly server: TestServer;
  readonly folder = mkdtempSync(join(tmpdir(), 'lifeboat-dumps-'));
  readonly masterKey: MasterKey;
  readonly store: ObjectStore;
  readonly warnings: string[] = [];

  static async create(): Promise<DumpScene> {
    const server = await TestServer.create(machineInstallation(), { settings: { autovacuum: 'off' } });
    const scene = new DumpScene(server);
    (scene as { store: ObjectStore }).store = await createDirectoryStore(scene.bucket);
    return scene;
  }

  private constructor(server: TestServer) {
    this.server = server;
    const key = randomBytes(32);
    this.masterKey = { id: masterKeyId(key), key };
    this.store = undefined as unknown as ObjectStore;
  }

  get bucket(): string {
    return join(this.folder, 'bucket');
  }

  get keyRing() {
    return keyFileRing([this.masterKey]);
  }

  /** Takes a dump, changed as a test wants it. */
  async dump(over: Partial<DumpWork> & { user?: string } = {}): Promise<DumpManifest> {
    const { user = 'postgres', ...rest } = over;
    const connection = { ...this.server.connection, user };
    const libpq = await libpqEnvironment({ ...connection, sslmode: 'disable' }, { HOME: this.folder });
    const work: DumpWork = {
      source: 'orders',
      databases: undefined,
      schemaOnly: false,
      store: this.store,
      keyRing: this.keyRing,
      connection,
      libpq: libpq.environment,
      findPrograms: (major) => findClientPrograms(major, { LIFEBOAT_BIN_DIR: binDir }),
      level: 1,
      lanes: 2,
      requestedBy: 'test',
      execution: null,
      startedAt: new Date(),
      now: () => new Date(),
      signal: new AbortController().signal,
      onProgress: () => undefined,
      onWarning: (warning) => this.warnings.push(warning),
      ...rest,
    };
    try {
      return await takeDump(work);
    } finally {
      libpq.remove();
    }
  }

  /** What pg_dump wrote of one database. */
  async archive(manifest: DumpManifest, name: string): Promise<Buffer> {
    const { parts } = manifest.databases.find((database) => database.name === name)!;
    return Buffer.concat(await Promise.all(parts.map((part) => this.raw(manifest, part))));
  }

  /** The raw bytes of one stored object, and that the manifest says the same of it. */
  async raw(manifest: DumpManifest, part: DumpPart): Promise<Buffer> {
    const { source, dump, encryption } = manifest;
    const key = dumpObjectKey(source, dump, part.name);
    const { body } = await this.store.get(key);
    const dataKey = async () => encryption && (await this.keyRing.unwrap(encryption.key, `${source}/${dump}`));
    const options = { key, digest: true, dataKey: async () => (await dataKey()) ?? undefined };
    const read = await readContainer<DumpHeader>(body, options);
    const bytes = Buffer.concat(await Array.fromAsync(read.blocks()));
    const found = { name: part.name, rawBytes: bytes.length, storedBytes: read.stored().bytes };
    if (JSON.stringify({ ...found, sha256: read.stored().sha256 }) !== JSON.stringify(pick(part)))
      throw new Error(`${part.name} is not what the manifest says: ${JSON.stringify(found)}`);
    return bytes;
  }

  async committed(): Promise<string[]> {
    const ids = (await Array.fromAsync(this.store.folders(dumpsFolder('orders')))).map((folder) => folder.slice(0, -1));
    const heads = await Promise.all(ids.map((id) => this.store.head(dumpManifestKey('orders', id as never))));
    return ids.filter((_, index) => heads[index] !== undefined);
  }

  /** Into a database that is made for it. */
  async restore(archive: Buffer, into: string): Promise<void> {
    await this.server.query(`create database "${into}" template template0`);
    await runProgram(
      'pg_restore',
      ['--exit-on-error', '--no-password', '--dbname', into],
      this.programEnvironment,
      archive,
    );
  }

  get programEnvironment(): Record<string, string> {
    const { host, port, user } = this.server.connection;
    return { LC_ALL: 'C', PGHOST: host, PGPORT: String(port), PGUSER: user };
  }

  async remove(): Promise<void> {
    await this.server.remove();
    rmSync(this.folder, { recursive: true });
  }
}

const pick = ({ name, rawBytes, storedBytes, sha256 }: DumpPart) => ({ name, rawBytes, storedBytes, sha256 });

/** One of PostgreSQL's programs; what it wrote. Throws unless it ends well. */
export async function runProgram(
  program: string,
  args: readonly string[],
  env: Record<string, string> = { LC_ALL: 'C' },
  input: Buffer = Buffer.alloc(0),
): Promise<string> {
  const child = spawn(join(binDir, program), args, { env, cwd: '/' });
  child.stdin.on('error', () => undefined); // it has read enough
  child.stdin.end(input);
  const [[code], stdout, stderr] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${stderr}`);
  return stdout;
}
