import { z } from 'zod';
import { dumpIdSchema, dumpKinds } from '#model/dump-id';
import { ObjectDamaged } from '#model/failure';
import { wrappedKeySchema } from '#model/wrapped-key';

/**
 * manifest.json of a dump: put last and on condition that there is none yet; a dump exists when it does. Its shape is part
 * of the format (docs/format.md).
 */
const bytes = z.number().int().nonnegative();
const instant = z.iso.datetime();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const storedFile = z.strictObject({ name: z.string(), rawBytes: bytes, storedBytes: bytes, sha256 });
export type DumpPart = z.infer<typeof storedFile>;

const dumpedDatabase = z.strictObject({
  name: z.string(),
  owner: z.string(),
  encoding: z.string(),
  collate: z.string(),
  ctype: z.string(),
  /** only where its default collation is none of libc: whose, and which */
  locale: z.strictObject({ provider: z.enum(['icu', 'builtin']), name: z.string() }).exactOptional(),
  /** pg_database_size when the dump began */
  sizeBytes: bytes,
  /** when its snapshot was taken: each database has one of its own */
  startedAt: instant,
  finishedAt: instant,
  /** pg_dump's custom archive (uncompressed by it), cut into these; in this order */
  parts: z.array(storedFile),
  rawBytes: bytes,
  /** SHA-256 of the whole archive's raw bytes */
  sha256,
});
export type DumpedDatabase = z.infer<typeof dumpedDatabase>;

export const dumpManifestSchema = z.strictObject({
  format: z.literal('lifeboat-dump/1'),
  source: z.string(),
  dump: dumpIdSchema,
  kind: z.enum(dumpKinds),
  server: z.strictObject({ version: z.string(), major: z.number().int() }),
  /** of pg_dump, as it says it itself */
  client: z.string(),
  /** SQL with roles, memberships and tablespaces; of roles without passwords where `passwords` is false */
  globals: storedFile.extend({ passwords: z.boolean() }).strict(),
  databases: z.array(dumpedDatabase),
  rawBytes: bytes,
  storedBytes: bytes,
  compression: z.strictObject({ codec: z.literal('zstd'), level: z.number().int() }),
  encryption: z.strictObject({ cipher: z.literal('aes-256-gcm'), key: wrappedKeySchema }).nullable(),
  startedAt: instant,
  finishedAt: instant,
  requestedBy: z.string(),
  /** the state machine's execution that asked for it */
  execution: z.string().nullable(),
});
export type DumpManifest = z.infer<typeof dumpManifestSchema>;

export const printDumpManifest = (manifest: DumpManifest): string => `${JSON.stringify(manifest, null, 2)}\n`;

/** @throws ObjectDamaged when the text is not a dump's manifest; `key` is where it lies */
export function parseDumpManifest(text: string, key: string): DumpManifest {
  const content = fromJson(text);
  const parsed = dumpManifestSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const what = content === undefined ? 'it is not JSON' : issue.message;
  throw new ObjectDamaged(`${key} is not a dump's manifest: ${issue.path.join('.') || 'content'}: ${what}`, {
    operation: 'read manifest',
    subject: key,
    hint: 'the object was changed, or written by a later version of Lifeboat: take another dump',
  });
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema refuses it with the key in the message
  }
}
