import { z } from 'zod';
import { backupIdSchema, backupKinds } from '#model/backup-id';
import { ObjectDamaged } from '#model/failure';
import { type Lsn, parseLsn } from '#model/lsn';
import { wrappedKeySchema } from '#model/wrapped-key';

/**
 * manifest.json: put last and on condition that there is none yet; a backup exists when it does.
 * Its shape is part of the format: test/golden/manifest.json pins it, docs/format.md explains it.
 */
const lsnText = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/);
const bytes = z.number().int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const instant = z.iso.datetime();
/** PostgreSQL's system identifier is 64 bits: it does not fit a JSON number */
const systemId = z.string().regex(/^\d{1,20}$/);

const point = z.strictObject({ lsn: lsnText, timeline: z.number().int().positive(), time: instant });
const storedFile = z.strictObject({ name: z.string(), storedBytes: bytes, sha256 });

export const manifestSchema = z.strictObject({
  format: z.literal('lifeboat/1'),
  source: z.string(),
  backup: backupIdSchema,
  kind: z.enum(backupKinds),
  /** the backup that an incremental builds on */
  parent: backupIdSchema.nullable(),
  server: z.strictObject({
    version: z.string(),
    major: z.number().int(),
    systemId,
    segmentSize: bytes,
    blockSize: bytes,
    dataChecksums: z.boolean(),
    /** the role that initdb made: checks of a restored copy connect as it */
    superuser: z.string(),
  }),
  /** where replay begins, and where the copy becomes consistent */
  start: point,
  stop: point,
  tablespaces: z.array(z.strictObject({ oid: z.string().regex(/^\d+$/), location: z.string() })),
  parts: z.array(
    storedFile.extend({ archive: z.string(), part: z.number().int().nonnegative(), rawBytes: bytes }).strict(),
  ),
  index: storedFile,
  serverManifest: storedFile,
  rawBytes: bytes,
  storedBytes: bytes,
  compression: z.strictObject({ codec: z.literal('zstd'), level: z.number().int() }),
  encryption: z
    .strictObject({
      cipher: z.literal('aes-256-gcm'),
      key: wrappedKeySchema,
    })
    .nullable(),
  finishedAt: instant,
  requestedBy: z.string(),
  /** the state machine's execution that asked for it */
  execution: z.string().nullable(),
});

export type Manifest = z.infer<typeof manifestSchema>;

/** A manifest without its list of parts: what listing, planning and the catalog need. */
export type BackupSummary = Omit<Manifest, 'parts'>;

export const summarySchema = manifestSchema.omit({ parts: true });

export function summarize({ parts: _, ...summary }: Manifest): BackupSummary {
  return summary;
}

export const printManifest = (manifest: Manifest): string => `${JSON.stringify(manifest, null, 2)}\n`;

/** @throws ObjectDamaged when the text is not a manifest; `key` is where it lies */
export function parseManifest(text: string, key: string): Manifest {
  const content = fromJson(text);
  const parsed = manifestSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const what = content === undefined ? 'it is not JSON' : issue.message;
  throw new ObjectDamaged(`${key} is not a manifest: ${issue.path.join('.') || 'content'}: ${what}`, {
    operation: 'read manifest',
    subject: key,
    hint: 'the object was changed, or written by a later version of Lifeboat: restore from another backup',
  });
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema refuses it with the key in the message
  }
}

/** The manifest's claims that are repeated inside the encrypted index, so that nobody can change them unnoticed. */
export function sealedClaims(manifest: BackupSummary): Record<string, unknown> {
  const { format, source, backup, kind, parent, server, start, stop, tablespaces, rawBytes } = manifest;
  return { format, source, backup, kind, parent, server, start, stop, tablespaces, rawBytes };
}

export const startLsn = (manifest: BackupSummary): Lsn => parseLsn(manifest.start.lsn);
export const stopLsn = (manifest: BackupSummary): Lsn => parseLsn(manifest.stop.lsn);
export const startTime = (manifest: BackupSummary): Date => new Date(manifest.start.time);
export const stopTime = (manifest: BackupSummary): Date => new Date(manifest.stop.time);
