import type { Condition, Step } from '#runbook/situation';

/** The steps with which a cluster is restored to $PLACE, asked for and answered. */
export const restoreSteps = (target: readonly string[]): Step[] => [
  {
    do: 'Ask what would be done: which backup and WAL, how much is left out, about how long. Nothing is touched.',
    run: [['lifeboat', 'restore', '--source', '$SOURCE', '--to', '$PLACE', ...target, '--dry-run']],
    when: ['postgres'],
  },
  {
    do: 'Restore. It prints the plan, and waits in {restore/Ask for approval} for a yes, a day at most.',
    run: [['lifeboat', 'restore', '--source', '$SOURCE', '--to', '$PLACE', ...target, '--reason', '$REASON']],
    waits: true,
    when: ['postgres'],
  },
  {
    do: 'Restore without asking anybody, in this process. The evidence tells who did it, and no yes: let somebody agree first.',
    run: [['lifeboat', 'restore', '--source', '$SOURCE', '--to', '$PLACE', ...target, '--direct']],
    when: ['postgres'],
    only: 'only where nothing runs the plan',
  },
  {
    do: asNew,
    run: [['lifeboat', ...newDatabase, ...target, '--reason', '$REASON']],
    waits: true,
    when: ['rds', 'instance'],
  },
  {
    do: `${asNew} A cluster needs an instance in it.`,
    run: [['lifeboat', ...newDatabase, ...target, '--instance-class', '$INSTANCE_CLASS', '--reason', '$REASON']],
    waits: true,
    when: ['rds', 'cluster'],
  },
  ...answerSteps(),
  {
    do:
      'The cluster lies on the volume of the task, which stays: its task in ECS names it. Attach it to the machine that ' +
      'shall serve, and mount it (XFS) so that the cluster is at $PLACE.',
    when: ['postgres', 'stack'],
  },
];

const newDatabase = ['rds-restore', '--source', '$SOURCE', '--to', '$NEW_NAME'];
const asNew =
  'Restore as a new database in RDS, beside the other. It waits in {rds-restore/Ask for approval} for a yes.';

/** A yes to what waits. Where the plan names people, they say here who they are; AWS knows it by itself. */
export function answerSteps(): Step[] {
  const yes = ['lifeboat', 'approve', '$EXECUTION', '--plan', '$HASH', '--reason', '$REASON'];
  const say =
    'Somebody who may answer reads all of that plan and says yes to exactly it; `lifeboat status` has both commands, filled in.';
  return [
    { do: say, run: [status, [...yes, '--as', '$APPROVER']], when: ['daemon', 'approvers'] },
    { do: say, run: [status, yes], when: ['daemon', 'noApprovers'] },
    { do: `${say} Under an IAM identity that may.`, run: [status, yes], when: ['stack'] },
    { do: 'See how far it is, from any terminal.', run: [['lifeboat', 'executions', '$EXECUTION']], ends: true },
  ];
}

const status = ['lifeboat', 'status', '--source', '$SOURCE'];

/** Rows or a table go from a server that has them as they were into the one that people use. */
export function takeOverSteps(
  from: { host: string; port: string; database: string },
  when: readonly Condition[],
): Step[] {
  const there = ['-h', from.host, '-p', from.port, '-U', '$ADMIN', '-d', from.database];
  const live = ['-h', '$HOST', '-p', '$PORT', '-U', '$ADMIN', '-d', '$DATABASE'];
  const sql = (statement: string) => ['-v', 'ON_ERROR_STOP=1', '-c', statement];
  return [
    {
      do: 'Look at what was rescued, before anything is changed.',
      run: [['psql', ...there, ...sql('select count(*) from $TABLE')]],
      when,
    },
    {
      do: 'Get it out with all that belongs to it, and bring it back in one transaction: all of it, or nothing.',
      run: [
        ['pg_dump', ...there, '-t', '$TABLE', '-Fc', '-f', '$FILE'],
        ['pg_restore', ...live, '--single-transaction', '--exit-on-error', '$FILE'],
      ],
      only: 'the table is gone',
      when,
    },
    {
      do: 'Lay the rows beside those that are there. No application sees $RESCUED.',
      run: [
        ['psql', ...there, ...sql("\\copy $TABLE to '$FILE'")],
        ['psql', ...live, ...sql('create table $RESCUED (like $TABLE including generated)')],
        ['psql', ...live, ...sql("\\copy $RESCUED from '$FILE'")],
      ],
      only: 'rows are lost or wrong',
      when,
    },
    {
      do: 'Compare: what is only in the rescued table was deleted or changed since.',
      run: [['psql', ...live, ...sql('select * from $RESCUED except select * from $TABLE limit 20')]],
      only: 'rows are lost or wrong',
      when,
    },
    {
      do:
        'Bring back the rows whose key is gone. This needs a primary key, and with generated columns a list of the others. ' +
        'Changed rows stay as they are now: for those write an update with `from $RESCUED`, in a transaction.',
      run: [
        [
          'psql',
          ...live,
          '-1',
          ...sql('insert into $TABLE overriding system value select * from $RESCUED on conflict do nothing'),
        ],
      ],
      only: 'rows are lost or wrong',
      when,
    },
  ];
}
