import { realpath } from 'node:fs/promises';
import type { FailoverGroup } from '#model/failover-group';
import { sitesOf } from '#model/failover-group';
import { InputInvalid } from '#model/failure';

/** One data directory is one server's: whoever fenced it for one site would stop the other one's. @throws InputInvalid */
export async function checkDataFolders(groups: readonly FailoverGroup[]): Promise<void> {
  const ofWhom = new Map<string, string>();
  for (const group of groups) {
    for (const { name, server } of sitesOf(group)) {
      if (server.kind !== 'postgres' || server.control.kind !== 'local') continue;
      const { dataDir } = server.control;
      const place = await realpath(dataDir).catch(() => dataDir);
      const whose = `${name} of ${group.name}`;
      const other = ofWhom.get(place);
      if (other !== undefined)
        throw notItsOwn(`failover.${group.name}.sites.${name}.server.control.dataDir`, dataDir, other);
      ofWhom.set(place, whose);
    }
  }
}

const notItsOwn = (field: string, dataDir: string, other: string): InputInvalid =>
  new InputInvalid(
    field,
    dataDir,
    `a folder of its own: ${other} has this one`,
    'ask each server: show data_directory',
  );
