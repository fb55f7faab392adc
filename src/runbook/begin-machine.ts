/** How a person begins what a machine does; a machine that stands not here begins with the command of its name, if there is one. */
export const beginMachine: Readonly<Record<string, readonly (readonly string[])[]>> = {
  backup: [['backup', '--source', '$SOURCE']],
  verify: [['verify', '--source', '$SOURCE']],
  drill: [['drill', '--source', '$SOURCE']],
  dump: [['dump', '$SOURCE']],
  restore: [
    ['restore', '--source', '$SOURCE', '--to', '$PLACE', '--dry-run'],
    ['restore', '--source', '$SOURCE', '--to', '$PLACE', '--time', '$INSTANT', '--reason', '$REASON'],
  ],
  retention: [
    ['expire', '$SOURCE', '--dry-run'],
    ['expire', '$SOURCE'],
    ['purge', '$SOURCE', '--reason', '$REASON', '--dry-run'],
    ['purge', '$SOURCE', '--reason', '$REASON'],
  ],
  'rds-snapshot': [['backup', '--source', '$SOURCE']],
  'rds-restore': [
    ['rds-restore', '--source', '$SOURCE', '--to', '$NEW_NAME', '--time', '$INSTANT', '--reason', '$REASON'],
  ],
  failover: [
    ['failover', '$GROUP', '--rehearse'],
    ['failover', '$GROUP', '--reason', '$REASON'],
    ['failover', '$GROUP', '--planned', '--reason', '$REASON'],
  ],
  failback: [['failback', '$GROUP', '--reason', '$REASON']],
  'system-recovery': [
    ['recover-system', '$SYSTEM', '--reason', '$REASON'],
    ['recover-system', '$SYSTEM', '--time', '$INSTANT', '--reason', '$REASON'],
  ],
};

/** What shows afterwards that it was right. */
export const afterMachine: Readonly<Record<string, readonly (readonly string[])[]>> = {
  backup: [
    ['backups', '--source', '$SOURCE'],
    ['status', '--source', '$SOURCE'],
  ],
  verify: [['backups', '--source', '$SOURCE']],
  drill: [
    ['backups', '--source', '$SOURCE'],
    ['status', '--source', '$SOURCE'],
  ],
  dump: [['dumps', '--source', '$SOURCE']],
  retention: [
    ['window', '--source', '$SOURCE'],
    ['backups', '--source', '$SOURCE'],
  ],
  scrub: [['backups', '--source', '$SOURCE']],
  'rds-snapshot': [['backups', '--source', '$SOURCE']],
  failover: [['groups'], ['backups', '--source', '$SOURCE']],
  failback: [['groups']],
  'system-recovery': [['status'], ['backup', '--source', '$SOURCE']],
};
