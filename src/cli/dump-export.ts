import { resolve } from 'node:path';
import { defineCommand } from '#cli/command';
import { openChosenDump } from '#cli/open-dump';
import { UsageInvalid } from '#cli/usage-invalid';
import { formatBytes } from '#model/format-bytes';
import { openDump } from '#recovery/read-dump';
import { standardOutput } from '#runtime/this-process';
import { exportToFile, exportToStream } from '#tasks/export-dump';
import { findDatabase } from '#tasks/restore-dump';

export const command = defineCommand({
  name: 'dump-export',
  summary: 'get an archive out of a dump, for pg_restore',
  help: `Writes what pg_dump made of a database, decrypted and decompressed: an archive in its custom format, for pg_restore of the
same version or a newer one. --globals writes the SQL of roles and tablespaces instead, for psql.

Everything is compared while it is read: each stored object, and the archive as a whole. A file appears under its name when
all of it is there and right, readable for its owner alone. What goes to standard output (--to -) cannot be taken back: it
counts only when the exit code is 0.

Changes nothing in the bucket or on a server.`,
  examples: [
    'lifeboat dump-export 20261120T051345123Z-dump --database shop --to shop.dump',
    'lifeboat dump-export 20261120T051345123Z-dump --database shop --to - | pg_restore --list',
    'lifeboat dump-export 20261120T051345123Z-dump --globals --to roles.sql',
  ],
  arguments: { dump: { summary: 'its id: `lifeboat dumps` lists them' } },
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan (needed when it has several)' },
    database: { flags: '--database <name>', summary: 'whose archive' },
    globals: { flags: '--globals', summary: 'roles and tablespaces, as SQL' },
    to: { flags: '--to <file>', summary: 'a file that does not exist yet, or - for standard output', required: true },
  },

  async run({ dump, source, database, globals, to }, context) {
    if (globals === (database !== undefined))
      throw new UsageInvalid('what shall be exported is not clear', 'say either --database NAME or --globals');
    const { vault, manifest } = await openChosenDump(context, dump, source);
    const { output, signal, cwd } = context;
    const place = database === undefined ? undefined : findDatabase(manifest, database);
    const opened = openDump(vault, manifest, signal);
    const content = place === undefined ? opened.globals() : opened.archive(place[0]);
    const { rawBytes } = place === undefined ? manifest.globals : place[1];
    const bar = output.progress(database ?? 'globals', rawBytes);
    const shown = async function* () {
      for await (const block of content) {
        yield block;
        bar.advance(block.length);
      }
    };
    const what = database === undefined ? 'roles and tablespaces' : `database ${database}`;
    const toStream = to === '-';
    const path = resolve(cwd, to);
    try {
      if (toStream) await exportToStream(shown(), standardOutput(), signal);
      else await exportToFile(shown(), path, signal);
    } finally {
      bar.end();
    }
    if (place === undefined && !manifest.globals.passwords)
      output.warn('the roles are without their passwords: who took the dump might not read them');
    const text = `${what} of ${manifest.dump}: ${formatBytes(rawBytes)}, as it was dumped`;
    if (toStream) output.note(text);
    else output.print(`${text}, in ${path}`, { dump: manifest.dump, database: database ?? null, to: path, rawBytes });
  },
});
