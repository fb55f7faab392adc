import { Failure } from '#model/failure';

/** A task ended as if all were well, and left no result. What it did is not known, so it does not count. */
export class ResultMissing extends Failure {
  readonly verdict = 'permanent';
}
