import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { installations } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { formatLsn } from '#model/lsn';
import { type ControlFile, parseControlFile } from '#postgres/control-file';

for (const installation of installations()) {
  describe(`the control file of ${installation.name}`, () => {
    let server: TestServer;
    before(async () => {
      server = await TestServer.create(installation, {
        initdb: ['--wal-segsize=2'],
        settings: {
          max_connections: '33',
          max_worker_processes: '9',
          max_wal_senders: '7',
          max_prepared_transactions: '5',
          max_locks_per_transaction: '70',
          wal_log_hints: 'on',
          track_commit_timestamp: 'on',
          wal_level: 'logical',
        },
      });
    });
    after(() => server.remove());

    const read = () => parseControlFile(readFileSync(join(server.dataDir, 'global', 'pg_control')));

    test('says what the server says', async () => {
      await server.query('checkpoint');
      const [row] = await server.query(
        'select * from pg_control_system(), pg_control_init(), pg_control_checkpoint(), pg_control_recovery()',
      );
      const control = read();
      assert.deepEqual(inWordsOfSql(control), {
        pg_control_version: row!.pg_control_version,
        catalog_version_no: row!.catalog_version_no,
        system_identifier: row!.system_identifier,
        checkpoint_lsn: row!.checkpoint_lsn,
        redo_lsn: row!.redo_lsn,
        timeline_id: row!.timeline_id,
        min_recovery_end_lsn: row!.min_recovery_end_lsn,
        min_recovery_end_timeline: row!.min_recovery_end_timeline,
        backup_start_lsn: row!.backup_start_lsn,
        backup_end_lsn: row!.backup_end_lsn,
        database_block_size: row!.database_block_size,
        blocks_per_segment: row!.blocks_per_segment,
        wal_block_size: row!.wal_block_size,
        bytes_per_wal_segment: row!.bytes_per_wal_segment,
        data_page_checksum_version: row!.data_page_checksum_version,
      });
      assert.equal(control.majorVersion, installation.major);
      assert.equal(control.state, 'in production');
    });

    test('holds the settings that a standby has to match', () => {
      const control = read();
      assert.deepEqual(
        [
          control.maxConnections,
          control.maxWorkerProcesses,
          control.maxWalSenders,
          control.maxPreparedTransactions,
          control.maxLocksPerTransaction,
          control.walLevel,
          control.walLogHints,
          control.trackCommitTimestamp,
        ],
        [33, 9, 7, 5, 70, 'logical', true, true],
      );
    });

    test('after a shutdown says what pg_controldata says', async () => {
      await server.stop();
      const control = read();
      assert.equal(control.state, 'shut down');
      const program = join(installation.binDir, 'pg_controldata');
      if (installation.major === 18) return assert.equal(existsSync(program), false, 'compare with it here too');
      const { stdout } = spawnSync(program, ['-D', server.dataDir], {
        encoding: 'utf8',
        env: { LC_ALL: 'C', TZ: 'UTC' },
      });
      const said = new Map(stdout.split('\n').map((line) => line.split(/:\s+/) as [string, string]));
      assert.equal(said.get('Database cluster state'), control.state);
      assert.equal(said.get('Database system identifier'), control.systemIdentifier);
      assert.equal(said.get('Latest checkpoint location'), formatLsn(control.checkpoint));
      assert.equal(said.get("Latest checkpoint's REDO location"), formatLsn(control.redo));
      assert.equal(said.get('wal_level setting'), control.walLevel);
      assert.equal(said.get('max_connections setting'), String(control.maxConnections));
      assert.equal(said.get('max_locks_per_xact setting'), String(control.maxLocksPerTransaction));
      assert.equal(said.get('Bytes per WAL segment'), String(control.walSegmentSizeBytes));
    });
  });
}

function inWordsOfSql(control: ControlFile): Record<string, string> {
  return {
    pg_control_version: String(control.controlVersion),
    catalog_version_no: String(control.catalogVersion),
    system_identifier: control.systemIdentifier,
    checkpoint_lsn: formatLsn(control.checkpoint),
    redo_lsn: formatLsn(control.redo),
    timeline_id: String(control.timeline),
    min_recovery_end_lsn: formatLsn(control.minRecoveryPoint),
    min_recovery_end_timeline: String(control.minRecoveryPointTimeline),
    backup_start_lsn: formatLsn(control.backupStartPoint),
    backup_end_lsn: formatLsn(control.backupEndPoint),
    database_block_size: String(control.blockSizeBytes),
    blocks_per_segment: String(control.blocksPerFile),
    wal_block_size: String(control.walBlockSizeBytes),
    bytes_per_wal_segment: String(control.walSegmentSizeBytes),
    data_page_checksum_version: String(control.dataChecksumVersion),
  };
}
