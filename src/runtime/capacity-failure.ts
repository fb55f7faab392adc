import { TrafficNotMoved } from '#failover/failures';

/** What scales by itself may do so again: to be tried again, and to be seen to. */
export const putBack = (subject: string, wanted: number, asked: number): TrafficNotMoved =>
  new TrafficNotMoved(`${subject} is to have ${asked} by now, and ${wanted} was asked for`, {
    ...{ operation: 'settle capacity', subject },
    hint: 'somebody else changed it, or a scaling policy: let its limits fit to the numbers in the plan',
  });
