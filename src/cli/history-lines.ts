import type { ChildEvent } from '#runtime/child-watch';
import { historyLine } from '#runtime/history-line';

type Event = ChildEvent['event'];

export interface HistoryLine {
  at: Date;
  /** of a child execution of a Map, what that is about */
  about?: string;
  text: string;
}

/** What an execution and the children of its Maps went through, in the order in which it happened. */
export function historyLines(own: readonly Event[], children: readonly ChildEvent[]): HistoryLine[] {
  const all = [
    ...own.map((event) => ({ event, about: undefined })),
    ...children.filter(({ event }) => !isPlain(event)),
  ];
  return all
    .sort((a, b) => timeOf(a.event) - timeOf(b.event) || Number(isLast(a)) - Number(isLast(b)))
    .flatMap(({ event, about }) => {
      const text = historyLine(event);
      return text === undefined ? [] : [{ at: event.timestamp!, ...(about && { about }), text }];
    });
}

export const printHistoryLine = ({ about, text }: HistoryLine): string => (about ? `${about} ${text}` : text);

/** That a child begins, and ends well, shows in what it does. */
const isPlain = ({ type }: Event): boolean => type === 'ExecutionStarted' || type === 'ExecutionSucceeded';

const isLast = ({ event, about }: { event: Event; about: string | undefined }): boolean =>
  about === undefined && /^Execution(?!Started)/.test(event.type ?? '');

const timeOf = ({ timestamp }: Event): number => timestamp!.getTime();
