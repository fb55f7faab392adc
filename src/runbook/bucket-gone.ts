import type { Situation } from '#runbook/situation';

export const situation: Situation = {
  name: 'bucket-gone',
  title: 'the bucket cannot be reached, or is gone',
  know: [
    'Commands end with exit code 5, backups fail with StoreUnavailable or StoreRefused.',
    'The receiver cannot store WAL: the server keeps it for the slot, and its disk fills.',
  ],
  never: [
    'Do not drop the replication slot to save the disk before you have decided: the WAL behind it exists nowhere else.',
    'Do not make a new empty bucket with the same name and go on: a wrong answer of S3 or a lost mount looks like that.',
    'Do not delete locks, markers or versions to repair it.',
  ],
  decide: [
    'Is it the way there, a right, or the bucket? One that refuses (StoreRefused) is there. A directory may only be unmounted.',
    'How long does the server’s disk last? `max_slot_wal_keep_size` bounds what the slot keeps, and costs a gap.',
    {
      say: 'Is the first region gone for long? The copy in $RECOVERY_REGION has what was put until minutes before.',
      when: ['recoveryRegion'],
    },
    {
      say: 'There is no second region in the plan: what is gone with this bucket is gone, unless you have a copy.',
      when: ['noRecoveryRegion'],
    },
  ],
  steps: [
    {
      do: 'Ask the bucket, and see what it says. The bucket is $BUCKET.',
      run: [
        ['lifeboat', 'status'],
        ['lifeboat', 'backups', '--source', '$SOURCE'],
      ],
    },
    {
      do: 'Ask the second region.',
      run: [
        ['lifeboat', 'status', '--region', '$RECOVERY_REGION'],
        ['lifeboat', 'window', '--source', '$SOURCE', '--region', '$RECOVERY_REGION'],
      ],
      when: ['recoveryRegion'],
    },
    {
      do:
        'Restore from the second region; its data keys are opened there. It waits in {restore/Ask for approval} there for a ' +
        'yes, whose line it prints: that needs the --region, too.',
      run: [
        ['lifeboat', 'restore', '--source', '$SOURCE', '--to', '$PLACE', '--region', '$RECOVERY_REGION', '--dry-run'],
        [
          ...['lifeboat', 'restore', '--source', '$SOURCE', '--to', '$PLACE', '--region', '$RECOVERY_REGION'],
          ...['--reason', '$REASON'],
        ],
      ],
      waits: true,
      only: 'only if a database is lost, too',
      when: ['recoveryRegion', 'postgres'],
    },
    {
      do: 'Somebody who may answer says yes to it.',
      run: [
        [
          ...['lifeboat', 'approve', '$EXECUTION', '--plan', '$HASH', '--reason', '$REASON'],
          ...['--region', '$RECOVERY_REGION'],
        ],
      ],
      ends: true,
      only: 'only if a database is lost, too',
      when: ['recoveryRegion', 'postgres'],
    },
    {
      do: 'Mount the directory again, or bring the copy that you have to $BUCKET, all of it, with its modes.',
      when: ['daemon'],
    },
    {
      do: 'The bucket was lost, and nothing will bring it back: an empty one, and a full backup at once. History begins anew.',
      run: [['lifeboat', 'backup', '--source', '$SOURCE', '--type', 'full']],
      only: 'only if it is lost for good',
      when: ['postgres'],
    },
    {
      do: 'It is there again: let the catalog be made of what is stored, and read everything back.',
      run: [
        ['lifeboat', 'catalog', 'rebuild', '--source', '$SOURCE'],
        ['lifeboat', 'verify', '--all', '--source', '$SOURCE'],
      ],
      when: ['postgres'],
    },
  ],
  check: [
    '`lifeboat window`: one window without a gap. Where one begins anew, WAL is missing: take a full backup.',
    'On the server, the slot is not lost: `select slot_name, wal_status from pg_replication_slots` says reserved or extended.',
    '`lifeboat evidence verify` says that the chain is unbroken.',
  ],
  back: ['Nothing of this changes a server. A restore from the second region is stopped with `lifeboat stop`.'],
  over: ['`lifeboat status` ends with exit code 0, and a backup that was taken since is proven.'],
};
