import { RebuildFailed } from '#failover/failures';
import { serverAccount } from '#runtime/server-account';
import { checkPrograms } from './check-programs.ts';
import { RebuildFolder } from './rebuild-folder.ts';
import type { LocalRebuild, RebuildWork } from './rebuild-work.ts';
import { serverPrograms } from './restore-source.ts';

/** What is needed to work on the files of a site of this machine. @throws RebuildFailed, RestoreFailed, InputInvalid */
export async function openLocalRebuild(work: RebuildWork, major: number): Promise<LocalRebuild> {
  const { site, environment } = work;
  const { control } = site.server;
  if (control.kind !== 'local') throw outOfReach(work);
  const binDir = serverPrograms(major, control.binDir ?? environment.LIFEBOAT_BIN_DIR, environment);
  await checkPrograms(binDir, major);
  const account = await serverAccount(control.runAs ?? environment.LIFEBOAT_RUN_AS, 'control.runAs');
  const { dataDir } = control;
  return { ...work, control, dataDir, binDir, account, folder: new RebuildFolder(dataDir) };
}

const outOfReach = ({ site }: RebuildWork): RebuildFailed =>
  new RebuildFailed(
    `the files of the server at ${site.name} are out of reach: its control is ${site.server.control.kind}`,
    {
      operation: 'rebuild standby',
      subject: site.name,
      hint: 'make it a standby by hand (pg_rewind, or pg_basebackup into an empty directory), or run this where its files are',
    },
  );
