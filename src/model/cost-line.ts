/** One line of the table: dollars a month. */
export interface CostLine {
  what: CostName;
  dollars: number;
  /** of what it is made */
  basis: string;
}

export type CostName =
  | 'storage'
  | 'deleted early'
  | 'requests'
  | 'transitions'
  | 'fargate'
  | 'lambda'
  | 'machines'
  | 'cloudwatch'
  | 'kms'
  | 'scrub'
  | 'dumps'
  | 'retention'
  | 'snapshots'
  | 'copies'
  | 'second region';

/** All months are as long. */
export const daysPerMonth = 30;

export const gb = (bytes: number): number => bytes / 1e9;

export const thousands = (count: number): string => `${Math.round(count / 1000).toLocaleString('en')}k`;
