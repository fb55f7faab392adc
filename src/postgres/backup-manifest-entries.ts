import { Failure } from '#model/failure';
import { type Lsn, parseLsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';

export interface ManifestFile {
  /** below the data folder; tablespaces as pg_tblspc/<oid>/…; with U+FFFD where the bytes are not UTF-8 */
  path: string;
  /** the path's bytes, when they are not UTF-8 */
  pathBytes: Buffer | undefined;
  sizeBytes: number;
  lastModified: Date;
  /** undefined: the backup was taken without checksums. A CRC-32C stands with its lowest byte first */
  checksum: { algorithm: ChecksumAlgorithm; hex: string } | undefined;
}

export type ChecksumAlgorithm = keyof typeof checksumDigits;

const checksumDigits = { CRC32C: 8, SHA224: 56, SHA256: 64, SHA384: 96, SHA512: 128 } as const;

/** Source: https://www.postgresql.org/docs/18/backup-manifest-files.html */
export function parseManifestFile(json: unknown): ManifestFile | { problem: string } {
  if (!isRecord(json)) return { problem: 'expected an object' };
  const path = pathOf(json);
  const size = json.Size;
  const lastModified = timeOf(json['Last-Modified']);
  const checksum = checksumOf(json);
  const unknown = Object.keys(json).find((key) => !fileKeys.has(key));
  if (path === undefined || !isSafe(path.path)) return { problem: 'expected a path below the data folder' };
  if (!Number.isSafeInteger(size) || (size as number) < 0) return { problem: `size ${size}: expected bytes` };
  if (!lastModified) return { problem: `last modified ${json['Last-Modified']}: expected a time in GMT` };
  if (checksum === 'malformed')
    return { problem: `checksum ${json['Checksum-Algorithm']} ${json.Checksum}: expected one` };
  if (unknown !== undefined) return { problem: `unknown field ${unknown}` };
  return { ...path, sizeBytes: size as number, lastModified, checksum };
}

const fileKeys = new Set(['Path', 'Encoded-Path', 'Size', 'Last-Modified', 'Checksum-Algorithm', 'Checksum']);

const isRecord = (json: unknown): json is Record<string, unknown> =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

function pathOf(json: Record<string, unknown>): Pick<ManifestFile, 'path' | 'pathBytes'> | undefined {
  const { Path: path, 'Encoded-Path': encoded } = json;
  if (typeof path === 'string' && encoded === undefined) return { path, pathBytes: undefined };
  if (typeof encoded !== 'string' || path !== undefined || !/^(?:[0-9a-f]{2})+$/.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, 'hex');
  const text = bytes.toString('utf8');
  return { path: text, pathBytes: Buffer.from(text, 'utf8').equals(bytes) ? undefined : bytes };
}

/** It comes from outside and will be joined to a folder's name. */
function isSafe(path: string): boolean {
  if (path === '' || path.startsWith('/') || path.includes('\0')) return false;
  return !path.includes('..') || !path.split('/').includes('..');
}

function timeOf(text: unknown): Date | undefined {
  if (typeof text !== 'string') return undefined;
  const match = /^(\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d) GMT$/.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const time = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  return Number.isNaN(time.getTime()) ? undefined : time;
}

function checksumOf(json: Record<string, unknown>): ManifestFile['checksum'] | 'malformed' {
  const { 'Checksum-Algorithm': algorithm, Checksum: hex } = json;
  if (algorithm === undefined && hex === undefined) return undefined;
  if (typeof algorithm !== 'string' || typeof hex !== 'string' || !Object.hasOwn(checksumDigits, algorithm)) {
    return 'malformed';
  }
  const known = algorithm as ChecksumAlgorithm;
  return hex.length === checksumDigits[known] && /^[0-9a-f]+$/.test(hex) ? { algorithm: known, hex } : 'malformed';
}

export interface ManifestWalRange {
  timeline: Timeline;
  start: Lsn;
  end: Lsn;
}

/** Source: https://www.postgresql.org/docs/18/backup-manifest-wal-ranges.html */
export function parseManifestWalRange(json: unknown): ManifestWalRange | { problem: string } {
  const problem = { problem: 'expected a WAL range of timeline, start and end LSN' };
  if (!isRecord(json) || Object.keys(json).length !== 3) return problem;
  const { Timeline: timeline, 'Start-LSN': start, 'End-LSN': end } = json;
  if (!Number.isSafeInteger(timeline) || (timeline as number) < 1 || (timeline as number) > 0xffff_ffff) return problem;
  if (typeof start !== 'string' || typeof end !== 'string') return problem;
  try {
    const range = { timeline: timeline as number, start: parseLsn(start), end: parseLsn(end) };
    return range.start <= range.end ? range : problem;
  } catch (error) {
    if (error instanceof Failure) return problem;
    throw error;
  }
}
