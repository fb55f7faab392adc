import { takeOverSteps } from '#runbook/restored-beside';
import type { Situation } from '#runbook/situation';

export const situation: Situation = {
  name: 'single-table',
  title: 'one table, or one database, is to come back from a dump',
  know: ['A table was dropped, truncated or spoilt, and it is enough to have it as it was at the last dump.'],
  never: [
    'Do not restore into the database that people use before you have looked: a dump is older than the table.',
    'Do not drop what is there. It is renamed or compared, and dropped when all agree.',
  ],
  decide: [
    'How old is the newest good dump? All that the table got since is not in it. If that is too much: `lifeboat runbook bad-change`.',
    'Without a dump of this source it has to be `lifeboat runbook bad-change`.',
  ],
  steps: [
    { do: 'Stop what writes to the table.' },
    {
      do: 'Choose the dump: the newest from before the damage that is proven.',
      run: [['lifeboat', 'dumps', '--source', '$SOURCE']],
    },
    {
      do: 'Bring the table into a new database `rescue` on the same server. Whatever fails, that database is dropped again.',
      run: [
        [
          ...['lifeboat', 'dump-restore', '$DUMP', '--source', '$SOURCE', '--database', '$DATABASE'],
          ...['--as', 'rescue', '--table', '$TABLE'],
        ],
      ],
    },
    ...takeOverSteps({ host: '$HOST', port: '$PORT', database: 'rescue' }, []),
    {
      do: 'When all agree, drop the database that was made for it.',
      run: [['dropdb', '-h', '$HOST', '-p', '$PORT', '-U', '$ADMIN', 'rescue']],
    },
    {
      do: 'Take a dump, so that the repair is in one, too.',
      run: [['lifeboat', 'dump', '$SOURCE']],
    },
  ],
  check: [
    'dump-restore tells how many rows each table has. Compare with what people remember.',
    'Foreign keys to tables that did not come were left out, and told as WARNING: make them again.',
  ],
  back: [
    'Until rows are taken over nothing that people use was touched: drop the database `rescue`.',
    'Ctrl-C ends dump-restore, and drops what it made.',
  ],
  over: ['Those whose data it is have looked and agree, and `rescue` and $RESCUED are gone.'],
};
