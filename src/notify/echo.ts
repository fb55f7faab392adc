import type { Notice } from '#model/notice';
import type { Clock } from './clock.ts';
import { remindAfterMs, type Told } from './dedupe.ts';

/*
 * The same trouble is told by several: a machine of its failure, Step Functions of the execution that failed, CloudWatch of
 * the count of those, the watch of what the alarm will say a few minutes later. Who knows most speaks first, and under which
 * names it is told is noted as soon as it arrives. What only repeats it, an echo, is told when there is no such note:
 * the machine could not speak, or nobody watched.
 */
export interface Echo {
  /** under what it would be noted if somebody else told it */
  key: string;
  /** an event may overtake the notice that it repeats: it waits so long for it */
  waitMs: number;
}

/** The keys that echoes of this notice would have. */
export function echoKeysOf({ occasion, subject, machine, execution, dedupe }: Notice): string[] {
  if (occasion !== 'failure') return [];
  const [kind] = dedupe?.split(' ') ?? [];
  return [
    ...(execution === null ? [] : [echoOfExecution(execution)]),
    ...(machine === null ? [] : [echoOfMachine(machine), echoOfKind(machine, subject)]),
    ...(kind === undefined || kind === machine ? [] : [echoOfKind(kind, subject)]),
  ];
}

export const echoOfExecution = (execution: string): string => `told of execution ${execution}`;
/** Any execution of it. */
export const echoOfMachine = (machine: string): string => `told of machine ${machine}`;
/** `kind`: a machine, or the first word of a finding's key */
export const echoOfKind = (kind: string, subject: string): string => `told of ${kind} of ${subject}`;

const lookMs = 2_000;

export interface EchoWork {
  lastTold(key: string): Promise<Told | undefined>;
  clock: Clock;
}

/** Whether somebody else has told it a short while ago. That it is over is news to those alone who heard the echo. */
export async function isEcho(
  notice: Notice,
  id: string,
  { key, waitMs }: Echo,
  { lastTold, clock }: EchoWork,
): Promise<boolean> {
  if (notice.recovered) {
    const told = notice.dedupe === null ? undefined : await lastTold(notice.dedupe);
    return !told || told.recovered;
  }
  for (let leftMs = waitMs; ; leftMs -= lookMs) {
    const told = await lastTold(key);
    // its own note is of a time before, when not all channels took it
    if (told && told.id !== id && Math.abs(clock.nowMs() - Date.parse(told.at)) < remindAfterMs) return true;
    if (leftMs <= 0) return false;
    await clock.pause(Math.min(lookMs, leftMs));
  }
}
