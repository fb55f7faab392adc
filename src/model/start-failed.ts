import { Failure, type Verdict } from '#model/failure';

/** A machine could not be asked to begin, or did not; nothing was started. */
export class StartFailed extends Failure {
  readonly verdict: Verdict = 'retry';
}
