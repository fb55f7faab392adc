import type { Functions } from './function-host.ts';

/** Every function of functions/, by its file's name. */
export const localFunctions = {
  'answer-approval': () => import('#functions/answer-approval'),
  'ask-approval': () => import('#functions/ask-approval'),
  'check-lease': () => import('#functions/check-lease'),
  'checksum-verifier': () => import('#functions/checksum-verifier'),
  'conclude-drill': () => import('#functions/conclude-drill'),
  'conclude-verify': () => import('#functions/conclude-verify'),
  'confirm-backup': () => import('#functions/confirm-backup'),
  'metadata-indexer': () => import('#functions/metadata-indexer'),
  'plan-backup': () => import('#functions/plan-backup'),
  'plan-drill': () => import('#functions/plan-drill'),
  'plan-restore': () => import('#functions/plan-restore'),
  'plan-scrub': () => import('#functions/plan-scrub'),
  'plan-verify': () => import('#functions/plan-verify'),
  'recheck-restore': () => import('#functions/recheck-restore'),
  'record-evidence': () => import('#functions/record-evidence'),
  'start-scheduled': () => import('#functions/start-scheduled'),
  'task-failure': () => import('#functions/task-failure'),
  'task-result': () => import('#functions/task-result'),
  tell: () => import('#functions/tell'),
  'undo-backup': () => import('#functions/undo-backup'),
  watch: () => import('#functions/watch'),
} satisfies Functions;
