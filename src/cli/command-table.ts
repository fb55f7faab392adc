import type { CommandDefinition } from '#cli/command';

/** A command as the list of commands shows it. Its module is loaded when it is chosen, and no other. */
export interface CommandEntry {
  name: string;
  summary: string;
  /** what the commands are for whose names begin with the same word; said by the first of them */
  group?: string;
  /** an option of every command that means something else behind this one: `--plan` is then this option of its own */
  renames?: Readonly<Record<`--${string}`, `--${string}`>>;
  load(): Promise<{ command: CommandDefinition }>;
}

export const commandTable: readonly CommandEntry[] = [
  { name: 'init', summary: 'write a plan and see whether the server is ready', load: () => import('#cli/init') },
  { name: 'backup', summary: 'take a full or incremental backup', load: () => import('#cli/backup') },
  { name: 'backups', summary: 'list the backups in the bucket', load: () => import('#cli/backups') },
  { name: 'dump', summary: 'dump databases by pg_dump, and prove the dump', load: () => import('#cli/dump') },
  { name: 'dumps', summary: 'list the dumps in the bucket', load: () => import('#cli/dumps') },
  {
    name: 'dump-export',
    summary: 'get an archive out of a dump, for pg_restore',
    load: () => import('#cli/dump-export'),
  },
  {
    name: 'dump-restore',
    summary: 'restore a database, or some tables, from a dump',
    load: () => import('#cli/dump-restore'),
  },
  { name: 'window', summary: 'tell which instants can be restored', load: () => import('#cli/window') },
  { name: 'restore', summary: 'bring a cluster back, to any instant', load: () => import('#cli/restore') },
  {
    name: 'rds-restore',
    summary: 'bring a database of RDS back, as a new one',
    load: () => import('#cli/rds-restore'),
  },
  {
    name: 'groups',
    summary: 'how the sites of each failover group are now',
    load: () => import('#cli/groups'),
  },
  {
    name: 'failover',
    summary: 'move a primary to the other site, when its own is gone',
    load: () => import('#cli/failover'),
  },
  {
    name: 'failback',
    summary: 'bring a primary back to its home, and lose nothing',
    load: () => import('#cli/failback'),
  },
  {
    name: 'recover-system',
    summary: 'bring several sources and their applications back together',
    load: () => import('#cli/recover-system'),
  },
  { name: 'verify', summary: 'read a backup back and compare it', load: () => import('#cli/verify') },
  { name: 'up', summary: 'run the plan: schedules, WAL, proofs, approvals', load: () => import('#cli/up') },
  {
    name: 'status',
    summary: 'what is safe, what runs, what is wrong and what to do',
    load: () => import('#cli/status'),
  },
  {
    name: 'runbook',
    summary: 'print what to do, step by step, when something is wrong',
    load: () => import('#cli/runbook'),
  },
  { name: 'drill', summary: 'prove a backup by restoring it', load: () => import('#cli/drill') },
  {
    name: 'executions',
    summary: 'list what the machines did, or tell one in full',
    load: () => import('#cli/executions'),
  },
  { name: 'stop', summary: 'end an execution that runs, waits or stands still', load: () => import('#cli/stop') },
  {
    name: 'approve',
    summary: 'say yes to one recovery plan',
    renames: { '--plan': '--plan-hash' },
    load: () => import('#cli/approve'),
  },
  {
    name: 'reject',
    summary: 'say no to one recovery plan',
    renames: { '--plan': '--plan-hash' },
    load: () => import('#cli/reject'),
  },
  { name: 'expire', summary: "remove what the plan's retention does not keep", load: () => import('#cli/expire') },
  {
    name: 'purge',
    summary: 'remove everything that is stored of one source, once people have said yes',
    load: () => import('#cli/purge'),
  },
  {
    name: 'hold',
    summary: 'keep one backup or dump, whatever the rules say; or no longer',
    load: () => import('#cli/hold'),
  },
  { name: 'holds', summary: 'list what is held', load: () => import('#cli/holds') },
  { name: 'evidence', summary: 'tell who did what, and check the record of it', load: () => import('#cli/evidence') },
  {
    name: 'evidence verify',
    summary: 'check the record of it, and who has signed it',
    load: () => import('#cli/evidence-verify'),
  },
  {
    name: 'evidence export',
    summary: 'write it as CSV, JSON or HTML, for auditors',
    load: () => import('#cli/evidence-export'),
  },
  {
    name: 'incident open',
    group: 'tell people of an incident until it is over',
    summary: 'tell everybody that something is broken',
    load: () => import('#cli/incident-open'),
  },
  { name: 'incident update', summary: 'tell everybody how it goes', load: () => import('#cli/incident-update') },
  {
    name: 'incident ack',
    summary: 'say that you run it: nobody else is called',
    load: () => import('#cli/incident-ack'),
  },
  {
    name: 'incident resolve',
    summary: 'tell everybody that it works again',
    load: () => import('#cli/incident-resolve'),
  },
  { name: 'incident list', summary: 'list the incidents that are open', load: () => import('#cli/incident-list') },
  { name: 'incident show', summary: 'tell all of one incident', load: () => import('#cli/incident-show') },
  { name: 'notify', summary: 'send a test notice to every channel of the plan', load: () => import('#cli/notify') },
  { name: 'cost', summary: 'tell what a source costs on AWS in a month', load: () => import('#cli/cost') },
  { name: 'rekey', summary: 'wrap data keys by the key of the plan', load: () => import('#cli/rekey') },
  { name: 'receive-wal', summary: 'store WAL as it is written, until stopped', load: () => import('#cli/receive-wal') },
  { name: 'wal-push', summary: 'store one WAL file (for archive_command)', load: () => import('#cli/wal-push') },
  { name: 'wal-fetch', summary: 'fetch one WAL file (for restore_command)', load: () => import('#cli/wal-fetch') },
  {
    name: 'wal-prefetch',
    summary: 'keep the next WAL segments ready (started by wal-fetch)',
    load: () => import('#cli/wal-prefetch'),
  },
  {
    name: 'catalog rebuild',
    summary: 'make the catalog anew from the bucket',
    load: () => import('#cli/catalog-rebuild'),
  },
];
