import { basename, resolve } from 'node:path';
import { defineCommand } from '#cli/command';
import { chooseSource } from '#model/choose-source';
import { openBucket } from '#runtime/open-bucket';
import { pushWalFile } from '#tasks/push-wal';

export const command = defineCommand({
  name: 'wal-push',
  summary: 'store one WAL file (for archive_command)',
  help: `For archive_command in postgresql.conf; needs no receiver and no replication slot:

  archive_mode = on
  archive_command = 'lifeboat wal-push --plan /etc/lifeboat/plan.yml --source orders %p'
  archive_timeout = 60s        # how much may be lost: a segment is archived when it is full or this old

PostgreSQL keeps a file until this ends with 0, which it does once the bucket holds the file. Before that, the file is
checked: it must be a whole segment of this very cluster (PostgreSQL runs archive_command in its data directory) and
what its name says. A file that is stored already is compared: the same is fine, another one is refused.

A receiver (lifeboat receive-wal) loses seconds instead of archive_timeout; use one of the two.`,
  examples: ['lifeboat wal-push --plan /etc/lifeboat/plan.yml --source orders pg_wal/000000010000000000000003'],
  arguments: { path: { summary: 'the file, as %p gives it' } },
  options: { source: { flags: '--source <name>', summary: 'source in the plan (needed when it has several)' } },

  async run({ path, source }, { plan, environment, cwd, signal, output }) {
    const { name, compressionLevel } = chooseSource(await plan(), source, '--source');
    const file = basename(path);
    const outcome = await pushWalFile({
      ...(await openBucket(await plan(), environment)),
      source: name,
      path: resolve(cwd, path),
      name: file,
      dataDir: cwd,
      level: compressionLevel,
      signal,
    });
    output.print(`${file}: ${outcome}`, { file, outcome });
  },
});
