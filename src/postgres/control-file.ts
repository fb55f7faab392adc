import { InputInvalid, ObjectDamaged } from '#model/failure';
import { type Lsn, lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import { isSegmentSize } from '#model/wal-segment';
import { crc32c } from '#postgres/crc32c';

/** What global/pg_control says about a cluster. */
export interface ControlFile {
  /** a string: it does not fit a JSON number */
  systemIdentifier: string;
  controlVersion: number;
  catalogVersion: number;
  /** 15 to 18, known by the two versions above */
  majorVersion: number;
  state: ClusterState;
  /** where the latest checkpoint's record lies */
  checkpoint: Lsn;
  /** where recovery from that checkpoint begins */
  redo: Lsn;
  /** of the latest checkpoint */
  timeline: Timeline;
  /** recovery must reach this before the cluster is consistent; 0 on a primary */
  minRecoveryPoint: Lsn;
  /** 0 when there is no minRecoveryPoint */
  minRecoveryPointTimeline: Timeline;
  /** 0 unless the cluster is being recovered from a base backup */
  backupStartPoint: Lsn;
  /** 0 unless that backup was taken from a standby */
  backupEndPoint: Lsn;
  backupEndRequired: boolean;
  /** a standby or restored cluster whose own values are smaller than these five refuses to start */
  maxConnections: number;
  maxWorkerProcesses: number;
  maxWalSenders: number;
  maxPreparedTransactions: number;
  maxLocksPerTransaction: number;
  walLevel: 'minimal' | 'replica' | 'logical';
  walLogHints: boolean;
  trackCommitTimestamp: boolean;
  blockSizeBytes: number;
  blocksPerFile: number;
  walBlockSizeBytes: number;
  walSegmentSizeBytes: number;
  /** 0: data pages carry no checksums */
  dataChecksumVersion: number;
}

export type ClusterState = (typeof states)[number];

/**
 * Read global/pg_control of PostgreSQL 15 to 18, written by a little-endian machine. The layout up to the data
 * checksum version is the same in all of them; what follows, and so the place of the CRC, is not.
 * @throws InputInvalid for a version that is not one of these
 * @throws ObjectDamaged for bytes that are too short, fail their CRC-32C, or say what no cluster says
 * Source: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/catalog/pg_control.h
 */
export function parseControlFile(bytes: Buffer): ControlFile {
  if (bytes.length < shortest) throw damaged(`${bytes.length} bytes: expected at least ${shortest}`);
  const version = versionOf(bytes);
  checkCrc(bytes, version.crcAt);
  return {
    systemIdentifier: bytes.readBigUInt64LE(0).toString(),
    controlVersion: version.control,
    catalogVersion: version.catalog,
    majorVersion: version.major,
    state: named(states, bytes.readUInt32LE(16), 'cluster state'),
    checkpoint: lsnAt(bytes, 32),
    redo: lsnAt(bytes, 40),
    timeline: bytes.readUInt32LE(48),
    minRecoveryPoint: lsnAt(bytes, 136),
    minRecoveryPointTimeline: bytes.readUInt32LE(144),
    backupStartPoint: lsnAt(bytes, 152),
    backupEndPoint: lsnAt(bytes, 160),
    backupEndRequired: bytes[168] !== 0,
    walLevel: named(walLevels, bytes.readUInt32LE(172), 'wal_level'),
    walLogHints: bytes[176] !== 0,
    maxConnections: bytes.readInt32LE(180),
    maxWorkerProcesses: bytes.readInt32LE(184),
    maxWalSenders: bytes.readInt32LE(188),
    maxPreparedTransactions: bytes.readInt32LE(192),
    maxLocksPerTransaction: bytes.readInt32LE(196),
    trackCommitTimestamp: bytes[200] !== 0,
    blockSizeBytes: blockSize(bytes.readUInt32LE(216), 'block size'),
    blocksPerFile: bytes.readUInt32LE(220),
    walBlockSizeBytes: blockSize(bytes.readUInt32LE(224), 'wal block size'),
    walSegmentSizeBytes: segmentSize(bytes.readUInt32LE(228)),
    dataChecksumVersion: bytes.readUInt32LE(252),
  };
}

const shortest = 296;

interface ControlVersion {
  control: number;
  catalog: number;
  major: number;
  crcAt: number;
}

/** 15 and 16 share a control version with 13 and 14, so the catalog version decides. */
const versions: ControlVersion[] = [
  { control: 1300, catalog: 202209061, major: 15, crcAt: 288 },
  { control: 1300, catalog: 202307071, major: 16, crcAt: 288 },
  { control: 1700, catalog: 202406281, major: 17, crcAt: 288 },
  { control: 1800, catalog: 202506291, major: 18, crcAt: 292 },
];

function versionOf(bytes: Buffer): ControlVersion {
  const control = bytes.readUInt32LE(8);
  const catalog = bytes.readUInt32LE(12);
  const known = versions.find((version) => version.control === control && version.catalog === catalog);
  if (known) return known;
  throw new InputInvalid(
    'pg_control',
    `control version ${control}, catalog version ${catalog}`,
    'a cluster of PostgreSQL 15, 16, 17 or 18 on a little-endian machine',
  );
}

function checkCrc(bytes: Buffer, crcAt: number): void {
  const found = bytes.readUInt32LE(crcAt);
  const computed = crc32c(bytes, 0, 0, crcAt);
  if (found !== computed) throw damaged(`CRC-32C is ${hex(computed)}: expected ${hex(found)} as written in it`);
}

const hex = (crc: number) => crc.toString(16).padStart(8, '0');

const lsnAt = (bytes: Buffer, offset: number): Lsn => lsn(bytes.readBigUInt64LE(offset));

/** In the words of pg_controldata. */
const states = [
  'starting up',
  'shut down',
  'shut down in recovery',
  'shutting down',
  'in crash recovery',
  'in archive recovery',
  'in production',
] as const;

const walLevels = ['minimal', 'replica', 'logical'] as const;

function named<Name>(names: readonly Name[], index: number, what: string): Name {
  const name = names[index];
  if (name === undefined) throw damaged(`${what} is ${index}: expected 0 to ${names.length - 1}`);
  return name;
}

/** A power of two from 1 to 64 KiB: https://www.postgresql.org/docs/18/install-make.html (--with-wal-blocksize) */
function blockSize(bytes: number, what: string): number {
  if (bytes >= 1024 && bytes <= 65536 && (bytes & (bytes - 1)) === 0) return bytes;
  throw damaged(`${what} is ${bytes}: expected a power of two from 1024 to 65536`);
}

function segmentSize(bytes: number): number {
  if (isSegmentSize(bytes)) return bytes;
  throw damaged(`wal segment size is ${bytes}: expected a power of two from 1 MiB to 1 GiB`);
}

const damaged = (what: string) =>
  new ObjectDamaged(`pg_control: ${what}`, {
    operation: 'read control file',
    subject: 'pg_control',
    hint: 'take it from another backup, or read it again: a running server rewrites it in place',
  });
