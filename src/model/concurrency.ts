import { section, wholeNumber } from '#model/plan-field';

/** How much is done side by side. */
export interface Concurrency {
  /** tasks of one execution, in all */
  all: number;
  /** backups that one server (host and port) is read for at the same time */
  perServer: number;
}

export const concurrency = section({
  all: wholeNumber(1, 40).default(4),
  perServer: wholeNumber(1, 10).default(1),
}).prefault({});
