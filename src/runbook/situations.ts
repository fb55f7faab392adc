import { situation as badChange } from '#runbook/bad-change';
import { situation as bucketGone } from '#runbook/bucket-gone';
import { situation as daemonDead } from '#runbook/daemon-dead';
import { situation as databaseGone } from '#runbook/database-gone';
import { situation as failover } from '#runbook/failover';
import { situation as keyLost } from '#runbook/key-lost';
import { situation as singleTable } from '#runbook/single-table';
import type { Situation } from '#runbook/situation';

/** What happens to people, the worst first. */
export const situations: readonly Situation[] = [
  databaseGone,
  failover,
  badChange,
  singleTable,
  bucketGone,
  keyLost,
  daemonDead,
];
