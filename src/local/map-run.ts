import { createHash } from 'node:crypto';
import type { JournalRecord } from './journal-record.ts';

type Opened = Extract<JournalRecord, { type: 'opened' }>;

/** One attempt of a DISTRIBUTED Map: its visit's key in the journal of the execution, and how often it failed before. */
export interface MapRun {
  /** of the machine's own execution, also where the Map is within a child */
  execution: string;
  label: string;
  key: string;
  attempt: number;
}

/** The run that a record begins. Labels stand in journals since the history tells of runs; before it is the name. */
export const openedRun = (execution: string, { key, label = nameIn(key) }: Opened, attempt: number): MapRun => ({
  execution,
  label,
  key,
  attempt,
});

/** As AWS builds it: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html */
export const mapRunArn = (run: MapRun): string =>
  `${machineOf(run).replace(':execution:', ':mapRun:')}/${run.label}:${idOf(run)}`;

export const childArn = (run: MapRun, index: number): string =>
  `${machineOf(run)}/${run.label}:${childName(run, index)}`;

export const childName = (run: MapRun, index: number): string => idOf(run, index);

/** What all of a child's states lie in: see the journal's keys. */
export const childPath = ({ key, attempt }: MapRun, index: number): string => `${key}@${attempt}{${index}}`;

function idOf({ execution, key, attempt }: MapRun, ...index: number[]): string {
  return createHash('sha256')
    .update([execution, key, attempt, ...index].join('\n'))
    .digest('hex')
    .slice(0, 32);
}

const machineOf = ({ execution }: MapRun): string => execution.slice(0, execution.lastIndexOf(':'));

const nameIn = (key: string): string => key.slice(key.lastIndexOf('/') + 1, key.lastIndexOf('#'));
