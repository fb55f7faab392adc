import { type Notice, noticeSchema } from '#model/notice';

/** A notice that says all that one can say. */
export const notice = (changes: Partial<Notice> = {}): Notice => ({
  ...noticeSchema.parse({
    format: 'lifeboat-notice/1',
    occasion: 'failure',
    subject: 'main',
    title: 'the backup failed',
    what: 'the server closed the connection',
    since: '2026-11-20T05:13:45.000Z',
    todo: 'lifeboat backup --source main',
    dedupe: 'backup main',
    machine: 'backup',
    execution: 'arn:aws:states:local:000000000000:execution:backup:full-main-20261120T051300Z',
  }),
  ...changes,
});
