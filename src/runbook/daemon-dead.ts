import type { Situation } from '#runbook/situation';

export const situation: Situation = {
  name: 'daemon-dead',
  title: 'nothing runs the plan: `lifeboat up`, or the stack, does not work',
  know: [
    { say: '`lifeboat status` says daemon NOT RUNNING, and ends with exit code 9.', when: ['daemon'] },
    {
      say: 'Nothing is measured: `lifeboat status` says how old the last measurement is; alarms of the stack go off.',
      when: ['stack'],
    },
    'No backup, proof or notice comes. The databases themselves work as ever.',
  ],
  never: [
    {
      say: 'Do not start a second daemon with another state directory: what is due would be begun twice.',
      when: ['daemon'],
    },
    {
      say: 'Do not delete the state directory to make it start: what waits for an answer or is under way is in it.',
      when: ['daemon'],
    },
    'Do not drop the replication slot: the server keeps the WAL in it that is not stored yet.',
  ],
  decide: [
    'Until it runs, what is lost when a server dies grows by the minute, unless its receiver still lives: RPO below.',
    'How full is the server’s disk? It keeps WAL until somebody takes it.',
  ],
  steps: [
    { do: 'See what it says.', run: [['lifeboat', 'status']] },
    {
      do: 'Why did it end? Its journal says so in its last lines.',
      run: [
        ['systemctl', 'status', 'lifeboat'],
        ['journalctl', '-u', 'lifeboat', '-n', '100', '--no-pager'],
      ],
      when: ['daemon'],
    },
    {
      do: 'Remove the cause (disk full, plan refused, key missing, port taken), and start it. It goes on where it was.',
      run: [['systemctl', 'start', 'lifeboat']],
      when: ['daemon'],
    },
    {
      do: 'If it does not start as a service: in a terminal, as the same account, to see why.',
      run: [['lifeboat', 'up']],
      waits: true,
      only: 'only if it does not start',
      when: ['daemon'],
    },
    {
      do: 'Meanwhile, or where that machine is gone: store WAL from any machine that has plan and key.',
      run: [['lifeboat', 'receive-wal', '--source', '$SOURCE']],
      waits: true,
      only: 'only while nothing receives',
      when: ['daemon', 'postgres'],
    },
    {
      do: 'Which machines failed, and why?',
      run: [
        ['lifeboat', 'executions', '--status', 'FAILED'],
        ['lifeboat', 'executions', '$EXECUTION'],
      ],
    },
    {
      do: 'Of what was missed only the last of each schedule is made up for. Take a backup, to know.',
      run: [['lifeboat', 'backup', '--source', '$SOURCE']],
    },
  ],
  check: [
    '`lifeboat status` ends with exit code 0: the receiver runs, and what was due is there.',
    '`lifeboat notify --test` reaches every channel.',
  ],
  back: [
    'SIGTERM ends `lifeboat up` in order. What was under way stands in the state directory, and goes on at the next start.',
  ],
  over: [
    'A backup that was taken since is proven, and somebody watches whether the daemon lives: it tells nobody of its own death.',
  ],
};
