import { answerSteps } from '#runbook/restored-beside';
import type { Situation } from '#runbook/situation';

export const situation: Situation = {
  name: 'failover',
  title: 'the primary, its machine or its region is gone, and there is a second site',
  know: [
    'The primary does not answer, and you were told since when; or a question waits for you that says so by itself.',
    'Its region or network is gone: other things there do not answer either, and the status page of AWS says so.',
    'Or it has to go: a planned move, before maintenance. Then nothing is broken, and nothing is lost.',
  ],
  never: [
    'Do not promote anything by hand while the machine is at work: it alone knows what is fenced.',
    'Do not start the old primary again. It is kept from taking writes; two primaries are worse than none.',
    'Do not say yes with --force unless you know by another way that the old primary is off, and stays off.',
    'Do not move names by hand: clients would write to a server that is about to stop.',
  ],
  decide: [
    'Is it really gone, and for long? A reboot of ten minutes is quicker than moving there and back.',
    'What is lost: what the other site has not received. The plan that you approve says how much, in bytes and in time.',
    'Does the primary still answer? Then --planned stops its writes first, and nothing is lost.',
    {
      say: 'The plan has no group for this source: there is nowhere to move to. `lifeboat runbook database-gone` restores.',
      when: ['noGroup'],
    },
  ],
  steps: [
    {
      do: 'Open an incident, so that people hear of it and you do not have to tell them.',
      run: [['lifeboat', 'incident', 'open', '--severity', 'SEV1', '--source', '$SOURCE', '--title', '$REASON']],
    },
    {
      do: 'Look where everything is: which site has the primary, how far the other one is behind.',
      run: [['lifeboat', 'groups']],
    },
    {
      do: 'Ask for the move. It looks whether the other site is ready, and shows the plan: what is lost, what moves, how the old primary is fenced. Nothing is touched before a yes ({failover/Ask for approval}). Whoever says yes reads all of it by `lifeboat executions`, as `lifeboat status` tells.',
      run: [['lifeboat', 'failover', '$GROUP', '--reason', '$REASON']],
      only: 'the primary is gone',
      waits: true,
    },
    {
      do: 'Ask for the planned move. It stops writes, compares where both are, and goes back if anything is missing.',
      run: [['lifeboat', 'failover', '$GROUP', '--planned', '--reason', '$REASON']],
      only: 'the primary answers',
      waits: true,
    },
    ...answerSteps(),
    {
      do: 'It stopped after the promotion: the new primary stays. Put right what it names, and ask again; it goes on where it was.',
      run: [['lifeboat', 'failover', '$GROUP', '--reason', '$REASON']],
      only: 'it failed with FailoverStopped',
    },
    {
      do: 'It could not fence the old primary, and promoted nothing. Switch the old one off by another way, see that it is off, and ask again with --force; who approves has to know how you saw it.',
      run: [['lifeboat', 'failover', '$GROUP', '--force', '--reason', '$REASON']],
      only: 'it failed with FenceFailed',
    },
    {
      do: 'There is no primary: nothing was promoted, and the old one could not be let take writes again. Its message says why. Ask for the move without --planned; or mend what it names, and start the old one by hand.',
      run: [
        ['lifeboat', 'groups'],
        ['lifeboat', 'failover', '$GROUP', '--reason', '$REASON'],
      ],
      only: 'it failed with FenceNotUndone',
    },
    {
      do: 'Later, when the old site is well: back home, without loss. It makes the old primary a standby first, which takes as long as it takes, and asks before it switches.',
      run: [['lifeboat', 'failback', '$GROUP', '--reason', '$REASON']],
    },
  ],
  check: [
    '`lifeboat groups` shows one primary, at the site that you meant, and the other one fenced, gone or a standby.',
    'Applications write. Ask somebody who sees it from outside.',
    '`lifeboat backups` shows a new full backup of the new primary: it is begun by itself.',
    'What the old primary had and the new one has not is kept beside its data directory when it is made a standby.',
  ],
  back: [
    'Before the yes: `lifeboat reject`. Until the promotion: `lifeboat stop`, and then `lifeboat groups`: what is fenced stays fenced.',
    'A failure before the promotion puts everything back by itself. After the promotion there is no way back but `lifeboat failback`.',
  ],
  over: [
    'The new primary is backed up, applications work, the incident is resolved (`lifeboat incident resolve`).',
    '`lifeboat groups` shows the other site as a standby that streams, or people know that there is none: until then nothing can be moved without loss, and `lifeboat status` ends with exit code 9.',
  ],
};
