import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { embeddedInstallation, installations } from '#harness/postgres-installations';
import { makeServerFolder, TestServer } from '#harness/postgres-server';
import { formatLsn } from '#model/lsn';
import { formatTimeline } from '#model/timeline';
import { TarReader } from '#pipeline/tar-reader';
import { parseBackupLabel, withoutIncrementalLines } from '#postgres/backup-label';
import { readBackupManifest } from '#postgres/backup-manifest';
import type { ManifestFile } from '#postgres/backup-manifest-entries';
import { type BaseBackupEnd, type BaseBackupStart, runBaseBackup, uploadManifest } from '#postgres/base-backup';
import { crc32c } from '#postgres/crc32c';
import { parseIncrementalHeader } from '#postgres/incremental-file';
import { ReplicationConnection } from '#postgres/replication-connection';
import { parseTablespaceMap, printTablespaceMap } from '#postgres/tablespace-map';

for (const installation of installations()) {
  describe(`a backup by ${installation.name}`, () => {
    let server: TestServer;
    let odd: string;
    let backup: Backup;
    before(async () => {
      server = await TestServer.create(installation, { settings: { autovacuum: 'off' } });
      odd = makeServerFolder(join(server.home, 'odd\n\\folder'));
      await server.query(`create tablespace odd location E'${odd.replace('\\', '\\\\').replace('\n', '\\n')}'`);
      await server.query('create table t (v int) tablespace odd; insert into t values (1)');
      writeFileSync(Buffer.concat([Buffer.from(`${server.dataDir}/caf`), Buffer.of(0xe9)]), 'not UTF-8');
      backup = await takeBackup(server);
    });
    after(() => server.remove());

    test('has a label that tells where it began', async () => {
      const label = parseBackupLabel(backup.files.get('base backup_label')!.toString());
      const { startLsn, timeline } = backup.start;
      const segment = await server.value(`select pg_walfile_name('${formatLsn(startLsn)}')`);
      assert.deepEqual(
        [
          label.startWal,
          label.timeline,
          label.method,
          label.from,
          label.label,
          label.startSegment,
          label.incrementalFrom,
        ],
        [startLsn, timeline, 'streamed', 'primary', 'test: all', segment, undefined],
      );
      assert(label.checkpoint >= startLsn && label.startSegment.startsWith(formatTimeline(timeline)));
      assert.match(label.startTime ?? '', /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /);
    });

    test('has a tablespace map that is read and printed as it is', async () => {
      const bytes = backup.files.get('base tablespace_map')!;
      const oid = Number(await server.value(`select oid from pg_tablespace where spcname = 'odd'`));
      const map = parseTablespaceMap(bytes);
      assert.deepEqual(map, [{ oid, path: odd }]);
      assert.equal(printTablespaceMap(map), bytes.toString());
    });

    test('has a manifest that says of each file what was sent', async () => {
      const files: ManifestFile[] = [];
      const manifest = await readBackupManifest(inPieces(backup.manifest), (file) => files.push(file));
      assert.deepEqual(manifest.walRanges, [
        { timeline: backup.start.timeline, start: backup.start.startLsn, end: backup.end.stopLsn },
      ]);
      const systemId = await server.value('select system_identifier from pg_control_system()');
      assert.equal(manifest.systemIdentifier, installation.major >= 17 ? systemId : undefined);
      assert.equal(manifest.fileCount, files.length);
      const sent = new Map(backup.files);
      for (const file of files) {
        const name = nameInBackup(file);
        const bytes = sent.get(name);
        assert(bytes, `${name} was not sent`);
        sent.delete(name);
        const hex = Buffer.alloc(4);
        hex.writeUInt32LE(crc32c(bytes));
        assert.deepEqual(
          [file.sizeBytes, file.checksum],
          [bytes.length, { algorithm: 'CRC32C', hex: hex.toString('hex') }],
        );
        assert(Math.abs(file.lastModified.getTime() - Date.now()) < 120_000);
      }
      assert.deepEqual([...sent.keys()], [], 'what the manifest does not know');
      assert.deepEqual(
        files.flatMap(({ pathBytes }) => (pathBytes ? [pathBytes.toString('latin1')] : [])),
        ['café'],
      );
    });
  });
}

describe('an incremental backup', () => {
  let server: TestServer;
  let full: Backup;
  let incremental: Backup;
  let file: string;
  before(async () => {
    server = await TestServer.create(embeddedInstallation(), { settings: { autovacuum: 'off' } });
    await server.query(`create table t (id int, filler text) with (fillfactor = 50);
      insert into t select g, repeat('x', 500) from generate_series(1, 3500) g;
      create table cut as select * from t`);
    file = await server.value(`select pg_relation_filepath('t')`);
    full = await takeBackup(server);
    await server.query(`update t set id = -id where ctid in ('(400,1)', '(7,1)', '(31,2)'); truncate cut`);
    incremental = await takeBackup(server, full.manifest);
  });
  after(() => server.remove());

  test('holds the head and the blocks of each changed file', () => {
    const bytes = incremental.files.get(`base ${file.replace(/[^/]+$/, 'INCREMENTAL.$&')}`)!;
    const header = parseIncrementalHeader(bytes, { name: file });
    assert('blocks' in header);
    assert.deepEqual([...header.blocks], [7, 31, 400]);
    const fullBlocks = full.files.get(`base ${file}`)!.length / 8192;
    assert.deepEqual([header.truncationBlockLength, header.reconstructedBlocks], [fullBlocks, fullBlocks]);
    assert.equal(header.headerBytes, 8192);
    assert.equal(header.fileBytes, bytes.length);
  });

  test('has heads that say how long each of its files is', () => {
    const heads = [...incremental.files].filter(([name]) => /\/INCREMENTAL\.[^/]+$/.test(name));
    assert(heads.length > 100, `only ${heads.length} incremental files`);
    for (const [name, bytes] of heads) {
      const header = parseIncrementalHeader(bytes, { name });
      assert('blocks' in header && header.fileBytes === bytes.length, name);
    }
  });

  test('has a label that names the full one, and is a full one’s without that', () => {
    const text = incremental.files.get('base backup_label')!.toString();
    const { startLsn: startWal, timeline } = full.start;
    assert.deepEqual(parseBackupLabel(text).incrementalFrom, { startWal, timeline });
    const combined = withoutIncrementalLines(text);
    assert.doesNotMatch(combined, /INCREMENTAL/);
    assert.deepEqual(parseBackupLabel(combined), { ...parseBackupLabel(text), incrementalFrom: undefined });
  });
});

interface Backup {
  start: BaseBackupStart;
  end: BaseBackupEnd;
  manifest: Buffer;
  /** by archive and path in it: `base backup_label` */
  files: Map<string, Buffer>;
}

async function takeBackup(server: TestServer, parent?: Buffer): Promise<Backup> {
  const connection = await ReplicationConnection.open(server.connection);
  const files = new Map<string, Buffer>();
  const manifest: Buffer[] = [];
  let start: BaseBackupStart | undefined;
  let tar: TarReader | undefined;
  try {
    if (parent) await uploadManifest(connection, inPieces(parent));
    const end = await runBaseBackup(
      connection,
      { label: 'test: all', checkpoint: 'fast', incremental: parent !== undefined },
      {
        onStart: (begun) => {
          start = begun;
        },
        onArchive: (archive) => {
          tar = collectFiles(archive, files);
        },
        onArchiveData: (bytes) => tar!.feed(bytes),
        onManifestData: (bytes) => manifest.push(Buffer.from(bytes)),
      },
    );
    return { start: start!, end, manifest: Buffer.concat(manifest), files };
  } finally {
    await connection.close();
  }
}

function collectFiles(archive: string, files: Map<string, Buffer>): TarReader {
  let pieces: Buffer[] = [];
  return new TarReader({
    onEntry: () => {
      pieces = [];
    },
    onContent: (_entry, _offset, bytes) => pieces.push(Buffer.from(bytes)),
    onEnd: (entry) => files.set(`${archive} ${entry.path}`, Buffer.concat(pieces)),
  });
}

/** A tablespace's files come in an archive of their own. */
function nameInBackup(file: ManifestFile): string {
  const tablespace = /^pg_tblspc\/(\d+)\/(.*)$/s.exec(file.path);
  return tablespace ? `${tablespace[1]} ${tablespace[2]}` : `base ${file.path}`;
}

async function* inPieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 60_000) yield bytes.subarray(at, at + 60_000);
}
