import { Failure } from '#model/failure';

/** The old primary may still take writes, so nothing may be promoted. */
export class FenceFailed extends Failure {
  readonly verdict = 'operator';
}

/** The move cannot be made as things are; nothing has been touched. */
export class NotReady extends Failure {
  readonly verdict = 'operator';
}

/** Both sites take writes: nothing is moved until a person has stopped one of them. */
export class TwoPrimaries extends Failure {
  readonly verdict = 'operator';
}

/** The standby did not become the primary. */
export class PromotionFailed extends Failure {
  readonly verdict = 'operator';
}

/** The standby has not got all that the primary wrote: promoting it would lose that. */
export class SwitchoverIncomplete extends Failure {
  readonly verdict = 'operator';
}

/** A name, a setting or a capacity is not what it has to be. */
export class TrafficNotMoved extends Failure {
  readonly verdict = 'retry';
}

/** After the move something did not become healthy in time. */
export class NotHealthy extends Failure {
  readonly verdict = 'operator';
}

/** The old primary could not be made a standby of the new one. */
export class RebuildFailed extends Failure {
  readonly verdict = 'operator';
}
