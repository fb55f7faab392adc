import { chooseSource } from '#model/choose-source';
import { formatLsn } from '#model/lsn';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { receiveSource } from './receive-source.ts';
import type { ReceiverEvent } from './receive-wal.ts';
import { defineService } from './task.ts';
import type { TaskLog } from './task-log.ts';

const receiveWalInput = fields({ source: text('the name of a source in the plan') });

/** Stores WAL as it is written. SIGTERM stores what has arrived and ends well; what needs somebody ends it with a failure. */
export const task = defineService({
  input: receiveWalInput,
  async run({ source: name }, { plan, vault, environment, signal, log, alive }) {
    const source = chooseSource(plan, name);
    const onEvent = (event: ReceiverEvent) => {
      alive();
      tell(event, log);
    };
    await receiveSource({ source, vault, environment, signal, log: onEvent, alive, untilLsn: undefined });
  },
});

function tell(event: ReceiverEvent, log: TaskLog): void {
  if (event.kind === 'receiving') {
    log.info('receiving', { timeline: event.timeline, from: formatLsn(event.start), slot: event.slot });
  } else if (event.kind === 'stored') {
    log.info('stored', { timeline: event.timeline, to: formatLsn(event.end) });
  } else if (event.kind === 'waiting') {
    const { name, message } = event.failure;
    log.warn('waiting', { failure: name, reason: message, retryMs: Math.round(event.retryMs) });
  } else {
    log.error('wal was never stored and the server has it no more: take a full backup now', {
      after: formatLsn(event.after),
      before: formatLsn(event.before),
    });
  }
}
