import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  embeddedInstallation,
  type Installation,
  machineInstallation,
  serverAccount,
} from '#harness/postgres-installations';
import { makeServerFolder, serverFolder, TestServer } from '#harness/postgres-server';
import { runLifeboat } from '#harness/run-lifeboat';
import { startStrictKms } from '#harness/strict-kms-server';
import { systemId } from '#harness/wal-bucket';

const run = promisify(execFile);
const decoder = fileURLToPath(new URL('decode.py', import.meta.url));

interface BackupDone {
  backup: string;
  rawBytes: number;
  tablespaces: { oid: string }[];
}

/** A server whose backups and WAL lie in a bucket, for the decoder of another language to read. */
class Protected {
  readonly folder = serverFolder('lifeboat-format-');
  readonly bucket = join(this.folder, 'bucket');
  readonly keyFile = join(this.folder, 'two.keys');
  readonly otherKeyFile = join(this.folder, 'other.key');
  readonly tablespace = makeServerFolder(join(this.folder, 'space'));
  readonly server: TestServer;
  environment: Record<string, string> = {};

  static async create(installation: Installation): Promise<Protected> {
    const settings = { wal_keep_size: '1GB', autovacuum: 'off', archive_mode: 'on', archive_command: 'true' };
    const self = new Protected(await TestServer.create(installation, { settings }));
    await self.server.query(`create tablespace space location '${self.tablespace}'`);
    await self.server.query('create table in_space tablespace space as select generate_series(1, 1000) as id');
    const connection = ['--host', self.server.home, '--user', 'postgres'];
    await self.lifeboat('init', '--source', 'orders', '--bucket', self.bucket, ...connection);
    const key = readFileSync(join(self.folder, 'lifeboat.key'), 'utf8');
    writeFileSync(self.otherKeyFile, `lifeboat-key-1:${randomBytes(32).toString('base64')}\n`);
    writeFileSync(self.keyFile, `${readFileSync(self.otherKeyFile, 'utf8')}\n# the one before\n${key}`);
    return self;
  }

  private constructor(server: TestServer) {
    this.server = server;
  }

  async lifeboat(...args: string[]): Promise<string> {
    return this.lifeboatWith('plan.yml', ...args);
  }

  /** in the server's directory, where it runs archive_command */
  async lifeboatWith(plan: string, ...args: string[]): Promise<string> {
    const options = { cwd: this.server.dataDir, env: this.environment };
    const ended = await runLifeboat([...args, '--plan', join(this.folder, plan)], options);
    assert.equal(ended.exitCode, 0, ended.stderr);
    return ended.stdout;
  }

  async backup(...args: string[]): Promise<BackupDone> {
    return JSON.parse(await this.lifeboat('backup', '--json', ...args)) as BackupDone;
  }

  async receiveWal(): Promise<void> {
    await this.lifeboat('receive-wal', '--until', await this.server.value('select pg_current_wal_flush_lsn()'));
  }

  /** The folder that the decoder fills with a backup. */
  async decode(backup: string): Promise<string> {
    const out = join(this.folder, `decoded-${backup}`);
    await decode(this.bucket, 'orders', backup, out, '--key-file', this.keyFile);
    return out;
  }

  /** The decoded WAL files, and how many bytes of each are stored. */
  async decodeWal(to: string): Promise<{ name: string; stored: number; bytes: Buffer }[]> {
    const out = join(this.folder, to);
    const id = await systemId(this.server);
    const printed = await decode('--wal', this.bucket, 'orders', id, out, '--key-file', this.keyFile);
    const lines = printed.trim().split('\n');
    return lines.map((line) => {
      const [name = '', stored] = line.split(' ');
      return { name, stored: Number(stored), bytes: readFileSync(join(out, name)) };
    });
  }

  /** What `lifeboat restore` makes of a backup and its parents: the data directory, and the tablespace. */
  async restore(backup: string): Promise<{ data: string; tablespace: string }> {
    const data = join(this.folder, `restored-${backup}`);
    const tablespace = `${data}-space`;
    const account = serverAccount ? ['--run-as', 'nobody'] : [];
    const places = ['--to', data, '--tablespace', `${this.tablespace}=${tablespace}`, '--backup', backup];
    const program = ['--bin-dir', this.server.installation.binDir];
    await this.lifeboat('restore', '--no-start', ...places, ...program, ...account);
    return { data, tablespace };
  }

  async remove(): Promise<void> {
    await this.server.remove();
    await rm(this.folder, { recursive: true, force: true });
  }
}

const decode = (...args: string[]): Promise<string> => decodeIn({}, ...args);

async function decodeIn(environment: Record<string, string>, ...args: string[]): Promise<string> {
  const env = { ...process.env, ...environment };
  return (await run('/usr/bin/python3', [decoder, ...args], { env })).stdout;
}

/** SHA-256 of each file below some folders, and null for each folder. */
function contents(root: string, below: readonly string[]): Record<string, string | null> {
  const found: Record<string, string | null> = {};
  const visit = (path: string): void => {
    const isFolder = statSync(join(root, path)).isDirectory();
    found[path] = isFolder
      ? null
      : createHash('sha256')
          .update(readFileSync(join(root, path)))
          .digest('hex');
    if (isFolder) for (const name of readdirSync(join(root, path)).sort()) visit(join(path, name));
  };
  for (const path of below) visit(path);
  return found;
}

/** The file's SHA-256 before and after. */
function changeBit(path: string): [string, string] {
  const bytes = readFileSync(path);
  const sha256 = () => createHash('sha256').update(bytes).digest('hex');
  const before = sha256();
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
  return [before, sha256()];
}

const dataFolders = ['base', 'global', 'pg_xact', 'pg_multixact', 'backup_label'];

async function compareWithRestored(source: Protected, done: BackupDone, decoded: string): Promise<void> {
  const restored = await source.restore(done.backup);
  assert.deepEqual(contents(join(decoded, 'data'), dataFolders), contents(restored.data, dataFolders));
  const tablespace = join(decoded, 'data', 'pg_tblspc', done.tablespaces[0]!.oid);
  assert.deepEqual(contents(tablespace, ['.']), contents(restored.tablespace, ['.']));
}

async function compareWal(source: Protected, to: string): Promise<string[]> {
  const files = await source.decodeWal(to);
  for (const { name, stored, bytes } of files) {
    const path = join(source.server.dataDir, 'pg_wal', name);
    const own = readFileSync(existsSync(path) ? path : `${path}.partial`);
    assert.ok(own.subarray(0, stored).equals(bytes.subarray(0, stored)), `${name} differs`);
    assert.equal(bytes.length, own.length, name);
    assert.ok(
      bytes.subarray(stored).every((byte) => byte === 0),
      `${name} goes on`,
    );
  }
  return files.map(({ name, stored, bytes }) => (stored === bytes.length ? name : `${name}, a beginning`));
}

describe('a decoder written from docs/format.md alone', { concurrency: 2 }, () => {
  describe('with PostgreSQL of this machine', { concurrency: 1 }, () => {
    let source: Protected;
    let full: BackupDone;
    let decoded: string;

    before(async () => {
      source = await Protected.create(machineInstallation());
      full = await source.backup();
      decoded = await source.decode(full.backup);
    });
    after(() => source.remove());

    it('makes a directory of an encrypted backup that pg_verifybackup accepts', async () => {
      const verify = join(source.server.installation.binDir, 'pg_verifybackup');
      await run(verify, ['-n', '-m', join(decoded, 'backup_manifest'), join(decoded, 'data')]);
    });

    it('makes of WAL what the server wrote, as far as it is stored', async () => {
      await source.server.query('select pg_switch_wal()');
      for (const id of [1, 2]) {
        await source.server.query(`insert into in_space values (${id})`);
        await source.receiveWal();
      }
      const names = await compareWal(source, 'wal');
      assert.ok(names.length > 1 && names.at(-1)!.endsWith('a beginning'), names.join());
    });

    it('makes the same data files as a restore', async () => {
      await compareWithRestored(source, full, decoded);
    });

    it('reads the history of a second timeline and the last segment of the first', async () => {
      await source.server.stop();
      writeFileSync(join(source.server.dataDir, 'standby.signal'), '');
      await source.server.start();
      await source.server.query('select pg_promote()');
      const partial = readdirSync(join(source.server.dataDir, 'pg_wal')).find((name) => name.endsWith('.partial'))!;
      await source.lifeboat('wal-push', `pg_wal/${partial}`);
      await source.receiveWal();
      const names = await compareWal(source, 'wal-of-two-timelines');
      for (const name of ['00000002.history', partial]) assert.ok(names.includes(name), names.join());
    });

    it('reads an unencrypted backup, as cat, zstd and tar do', async () => {
      const bucket = join(source.folder, 'plain');
      mkdirSync(bucket);
      const plan = readFileSync(join(source.folder, 'plan.yml'), 'utf8');
      const unencrypted = plan.replace(/^encryption:\n.*\n/m, 'encryption: none\n');
      writeFileSync(join(source.folder, 'plain.yml'), unencrypted.replace(/^bucket: .*$/m, `bucket: ${bucket}`));
      const done = JSON.parse(await source.lifeboatWith('plain.yml', 'backup', '--json')) as BackupDone;
      const parts = join(bucket, 'orders', 'backups', done.backup);
      const unpacked = join(source.folder, 'unpacked');
      mkdirSync(unpacked);
      await run('sh', ['-c', `cd ${parts} && cat base.tar.* | zstd -d | tar x -C ${unpacked}`]);
      const out = join(source.folder, 'decoded-plain');
      await decode(bucket, 'orders', done.backup, out);
      await rm(join(out, 'data', 'pg_tblspc', done.tablespaces[0]!.oid), { recursive: true });
      assert.deepEqual(contents(unpacked, ['.']), contents(join(out, 'data'), ['.']));
    });

    it('opens what was re-wrapped, by another key file and by KMS', async () => {
      const { folder, bucket } = source;
      const toWal = join(folder, 'wal-before');
      const keys = ['--key-file', source.keyFile];
      const storedWal = await decode('--wal', bucket, 'orders', await systemId(source.server), toWal, ...keys);
      const decodeWith = async (to: string, ...by: string[]) => {
        const out = join(folder, to);
        await decodeIn(source.environment, bucket, 'orders', full.backup, out, ...by);
        assert.deepEqual(contents(join(out, 'data'), dataFolders), contents(join(decoded, 'data'), dataFolders));
        const wal = ['--wal', bucket, 'orders', await systemId(source.server), `${out}-wal`];
        assert.equal(await decodeIn(source.environment, ...wal, ...by), storedWal);
      };
      const plan = readFileSync(join(folder, 'plan.yml'), 'utf8');
      const rekey = async (name: string, encryption: string) => {
        writeFileSync(join(folder, name), plan.replace(/^encryption:\n.*\n/m, `encryption: ${encryption}\n`));
        await source.lifeboatWith(name, 'rekey', '--from-key-file', join(folder, 'lifeboat.key'));
      };
      const newKey = join(folder, 'new.key');
      writeFileSync(newKey, `lifeboat-key-1:${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
      await assert.rejects(decodeWith('too-early', '--key-file', newKey), /does not have its key/);
      await rekey('new.yml', `{ keyFile: ${newKey} }`);
      await decodeWith('by-new-key', '--key-file', newKey);

      const kms = await startStrictKms();
      source.environment = kms.environment();
      try {
        const { arn } = kms.keys.create('eu-central-1', { multiRegion: true });
        await rekey('kms.yml', `{ kmsKey: "${arn}" }`);
        await decodeWith('by-kms', '--kms');
      } finally {
        source.environment = {};
        await kms.close();
      }
    });

    it('refuses another key, and a part and WAL of which a bit has changed', async () => {
      const backup = (to: string, keyFile: string) =>
        decode(source.bucket, 'orders', full.backup, join(source.folder, to), '--key-file', keyFile);
      await assert.rejects(
        backup('refused', source.otherKeyFile),
        /manifest\.json: the key file does not have its key/,
      );

      const folder = join(source.bucket, 'orders', 'backups', full.backup);
      const [before, changed] = changeBit(join(folder, 'base.tar.000000'));
      await assert.rejects(backup('changed', source.keyFile), /base\.tar\.000000: has not the SHA-256 of the manifest/);
      const manifest = readFileSync(join(folder, 'manifest.json'), 'utf8');
      writeFileSync(join(folder, 'manifest.json'), manifest.replace(before, changed));
      await assert.rejects(backup('forged', source.keyFile), /index\.jsonl: has not the manifest's parts/);

      const wal = join(source.bucket, 'orders', 'wal', await systemId(source.server), '00000001');
      changeBit(join(wal, readdirSync(wal)[0]!));
      // in small WAL the bit may be one of a frame's length
      await assert.rejects(
        source.decodeWal('changed-wal'),
        /\/wal\/.*: frame \d+: (?:was changed, the tag|has raw length)/,
      );
    });
  });

  describe('with PostgreSQL 18', { concurrency: 1 }, () => {
    let source: Protected;
    let full: BackupDone;
    let increment: BackupDone;
    let decoded: string;

    before(async () => {
      source = await Protected.create(embeddedInstallation());
      const { server } = source;
      await server.query(`
        create table changed as select id, repeat('x', 300) as filler from generate_series(1, 130000) id;
        create table shortened as select generate_series(1, 100000) as id;
      `);
      await server.query('vacuum freeze');
      full = await source.backup();
      await server.query('delete from changed where id > 120000; delete from shortened where id > 50000');
      await server.query('vacuum changed');
      await server.query('vacuum shortened');
      await server.query(`
        update changed set filler = 'y' where id in (1, 20000, 70000);
        insert into in_space select generate_series(1, 5000);
        create table added as select 1;
        checkpoint;
      `);
      increment = await source.backup('--type', 'incremental');
      await server.query('insert into in_space values (1)');
      await source.receiveWal();
      decoded = await source.decode(increment.backup);
    });
    after(() => source.remove());

    it('makes the same data files of a full backup in several parts as a restore', async () => {
      assert.ok(full.rawBytes > 64 * 1024 * 1024, 'it has a second part');
      await compareWithRestored(source, full, join(decoded, 'parent'));
    });

    it('combines an incremental backup with its parent as a restore does', async () => {
      assert.ok(increment.rawBytes < full.rawBytes / 2, 'it has blocks of files');
      await compareWithRestored(source, increment, decoded);
    });

    it('makes of WAL what the server wrote, as far as it is stored', async () => {
      const names = await compareWal(source, 'wal');
      assert.ok(names.length > 2 && names.at(-1)!.endsWith('a beginning'), names.join());
    });
  });
});
