import type { Situation } from '#runbook/situation';

export const situation: Situation = {
  name: 'key-lost',
  title: 'the encryption key is missing, unusable, or in other hands',
  know: [
    'Commands end with exit code 8 (KeyUnusable), or say that something was encrypted with key … and it is not there.',
    {
      say: 'KMS answers DisabledException, KMSInvalidStateException, AccessDeniedException or NotFoundException.',
      when: ['kms'],
    },
  ],
  never: [
    'Do not make a new key and put it in the place of the old one: what the old one wrapped stays closed.',
    'Do not restart or stop the daemon and receivers yet: what runs still has data keys in memory.',
    {
      say: 'Do not let the days of a key that is pending deletion go by: after them nobody can bring it back.',
      when: ['kms'],
    },
  ],
  decide: [
    'Missing, or refused? A right that is missing is given back in minutes. What only a deleted key opens is lost for good.',
    'In other hands? Then a rekey is not enough: whoever has the old key still reads what it wrapped.',
    'Without the key there is no backup now. The live server is all there is: take a new backup with a new key before anything else.',
  ],
  steps: [
    { do: 'See which keys open what.', run: [['lifeboat', 'rekey', '--list']] },
    {
      do: 'Find the key file: on other machines of this plan, in the safe, in the copy that was made at its beginning. Put it back at $KEY_FILE, mode 600.',
      when: ['keyFile'],
    },
    {
      do: 'See how the key is; cancel its deletion, or switch it on.',
      run: [
        ['aws', 'kms', 'describe-key', '--key-id', '$KMS_KEY', '--region', '$REGION'],
        ['aws', 'kms', 'cancel-key-deletion', '--key-id', '$KMS_KEY', '--region', '$REGION'],
        ['aws', 'kms', 'enable-key', '--key-id', '$KMS_KEY', '--region', '$REGION'],
      ],
      when: ['kms'],
    },
    {
      do: 'A new key, as a line in front of the others in the key file, so that the old ones stay. Restart what runs the plan.',
      only: 'the key is gone, or in other hands',
      when: ['keyFile'],
    },
    {
      do: 'A new key in KMS, in the plan. Restart what runs the plan, or deploy.',
      only: 'the key is gone, or in other hands',
      when: ['kms'],
    },
    {
      do: 'A full backup with the new key, at once.',
      run: [['lifeboat', 'backup', '--source', '$SOURCE', '--type', 'full']],
      only: 'the key is gone, or in other hands',
      when: ['postgres'],
    },
    {
      do: 'Wrap what is stored by the new key, too, where the old one still opens it.',
      run: [
        ['lifeboat', 'rekey', '--dry-run'],
        ['lifeboat', 'rekey'],
      ],
    },
  ],
  check: [
    '`lifeboat rekey --list` names nothing that only a lost key opens.',
    '`lifeboat drill` of the newest backup is good: only a restore proves that a key opens it.',
  ],
  back: [
    'Nothing is overwritten by `lifeboat rekey`; run again, it goes on. Keep each old key until --list shows that nothing needs it.',
  ],
  over: [
    'A backup with a key that you have is proven, and a copy of that key is elsewhere, with somebody who knows.',
    'A stolen key: what it opened has expired or was deleted, and those whose data it is have been told.',
  ],
};
