import { restoreSteps } from '#runbook/restored-beside';
import type { Situation } from '#runbook/situation';

export const situation: Situation = {
  name: 'database-gone',
  title: 'the server, its disk or all of its data is lost',
  know: [
    'The server does not come up again: its machine, disk or data directory is gone, or it was deleted.',
    'You were told that the server cannot be reached and since when; `lifeboat status` says the same as WRONG.',
    {
      say: 'In RDS the database is `deleted`, `failed` or `storage-full`, and does not become available.',
      when: ['rds'],
    },
  ],
  never: [
    'Do not delete, overwrite or initdb what is left of the old server: its last WAL may be on it.',
    'Do not start the old server again once the new one serves: there would be two primaries.',
    'Do not restore over the only copy: a new directory, or a new machine.',
    {
      say: 'Do not start `lifeboat up` with another plan or bucket: nothing that is stored is found there.',
      when: ['daemon'],
    },
  ],
  decide: [
    'Is it really gone? A reboot that takes ten minutes is quicker than a restore. See the times below.',
    'What is lost: all after the last WAL that is stored; RPO below. If the old disk can be read, pg_wal on it may have ' +
      'the rest: `lifeboat wal-push` stores a segment while the server is stopped, before you restore.',
    {
      say: 'Is there a standby that lives? Promoting it loses less and is quicker; then come back here for backups.',
      when: ['postgres'],
    },
  ],
  steps: [
    {
      do: 'Stop applications and jobs that write to it, and whatever starts the old server by itself. Say in the channel that you do this.',
    },
    {
      do: 'See what there is: what is proven, which instants can be reached.',
      run: [
        ['lifeboat', 'status', '--source', '$SOURCE'],
        ['lifeboat', 'window', '--source', '$SOURCE'],
      ],
    },
    ...restoreSteps([]),
    {
      do:
        'As $ACCOUNT, start what was restored, where the plan and the applications look for it ($HOST, port $PORT). Where ' +
        'the configuration lies outside of the data directory (Debian: /etc/postgresql), bring it first.',
      run: [['pg_ctl', '-D', '$PLACE', '-l', '$PLACE.log', '-w', '-o', '$START_OPTIONS', 'start']],
      when: ['postgres'],
    },
    {
      do: 'See that it is a primary, and where it is. `f` is right.',
      run: [
        [
          'psql',
          ...['-h', '$HOST', '-p', '$PORT', '-U', '$ADMIN', '-d', 'postgres', '-v', 'ON_ERROR_STOP=1'],
          ...['-c', 'select pg_is_in_recovery(), pg_current_wal_lsn(), now()'],
        ],
      ],
      when: ['postgres'],
    },
    {
      do: 'If the old server had an archive_command: switch it on again. The restore left it off.',
      run: [
        [
          'psql',
          ...['-h', '$HOST', '-p', '$PORT', '-U', '$ADMIN', '-d', 'postgres', '-v', 'ON_ERROR_STOP=1'],
          ...['-c', 'alter system reset archive_mode'],
        ],
      ],
      only: 'it archived',
      when: ['postgres'],
    },
    {
      do:
        'Let names, proxies and connection strings lead to the new server; and `connection` in the plan, if its host is ' +
        'another one now.',
    },
    {
      do: 'Take a backup at once: it goes on on a timeline of its own, and what was stored before stays.',
      run: [['lifeboat', 'backup', '--source', '$SOURCE']],
      when: ['postgres'],
    },
    {
      do: 'Let the plan name the new database, run it anew, and take a snapshot.',
      run: [['lifeboat', 'backup', '--source', '$SOURCE']],
      when: ['rds'],
    },
    { do: 'Let the applications in, one first.' },
  ],
  check: [
    'The restore ended with the point that it reached, and with every check as it should be. Read them.',
    'The newest rows that people remember are there; ask somebody who knows.',
    '`lifeboat status` ends with exit code 0: the receiver runs, the new backup is proven, RPO is as promised.',
  ],
  back: [
    'Before the yes: `lifeboat reject`. While it restores: `lifeboat stop`. Neither touches the old server.',
    'A restore that failed ({restore/Tell that it failed}) is not tried again by itself; what it laid down is kept. The ' +
      'same command again with --set-aside.',
    { say: 'A new database in RDS that is not wanted is deleted in RDS, by a person.', when: ['rds'] },
  ],
  over: [
    'Applications work on the new server, the old one cannot start by itself any more, and its disk is kept until all agree.',
    'A drill of the new backup is good: it is begun by itself, by {verify/Prove it}.',
  ],
};
