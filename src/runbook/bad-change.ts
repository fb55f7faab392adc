import { restoreSteps, takeOverSteps } from '#runbook/restored-beside';
import type { Situation } from '#runbook/situation';

export const situation: Situation = {
  name: 'bad-change',
  title: 'data was deleted or made wrong, and the server lives',
  know: [
    'Somebody ran a delete, update, drop or a migration that was wrong, or a program writes nonsense.',
    'The server itself is well: `lifeboat status` finds nothing wrong, and backups hold the mistake from then on.',
  ],
  never: [
    'Do not restore over the live server: all that was right since then would be lost, too.',
    'Do not wait for long: what lies before the window is gone when retention has removed it. `lifeboat hold` keeps a backup.',
    'Do not vacuum full, rewrite or drop the table to repair it: keep it as it is, to compare.',
  ],
  decide: [
    'From when is it wrong? The last instant at which all was well is what you restore to, with its zone. Sooner is safer: ' +
      'log lines, the deployment, a created_at column tell.',
    'Which rows of which tables? Only these are taken over, and applications may go on with everything else.',
    'If much is wrong everywhere: restore all (`lifeboat runbook database-gone`, with --time), and lose what came after.',
    { say: 'A dump from before may be enough, and is quicker: `lifeboat runbook single-table`.', when: ['dumps'] },
  ],
  steps: [
    {
      do: 'Stop what makes it worse: the job, the deployment, the program. Write down when it began, and when you stopped it.',
    },
    {
      do: 'See that the instant is in a window.',
      run: [['lifeboat', 'window', '--source', '$SOURCE']],
    },
    ...restoreSteps(['--time', '$INSTANT']),
    {
      do: 'As $ACCOUNT, start it beside the live server, reachable through a socket in $PLACE alone. No application finds it there.',
      run: [
        [
          'pg_ctl',
          ...['-D', '$PLACE', '-l', '$PLACE.log', '-w'],
          ...['-o', '-p $BESIDE_PORT -k $PLACE -c listen_addresses=', 'start'],
        ],
      ],
      when: ['postgres'],
    },
    ...takeOverSteps({ host: '$BESIDE_HOST', port: '$BESIDE_PORT', database: '$DATABASE' }, []),
    {
      do: 'Stop the restored server when nobody needs it any more; its directory can then be removed.',
      run: [['pg_ctl', '-D', '$PLACE', '-w', 'stop']],
      when: ['postgres'],
    },
    {
      do: 'Take a backup, so that the repair is in one, too.',
      run: [['lifeboat', 'backup', '--source', '$SOURCE']],
    },
  ],
  check: [
    'Counts and sums of the table are as they were, plus what was rightly done since.',
    'Sequences, foreign keys and triggers of what was brought back: insert a row as the application does, in a transaction ' +
      'that you roll back.',
  ],
  back: [
    'Until rows are taken over nothing that people use was touched: stop and remove the restored server.',
    'Afterwards: what was inserted is what is in $RESCUED; keep that table until all agree, then drop it.',
    'Before the yes: `lifeboat reject`. While it restores: `lifeboat stop`.',
  ],
  over: [
    'Those whose data it is have looked and agree; what made the mistake cannot do it again.',
    'The restored server, the rescued table and the file are gone.',
  ],
};
