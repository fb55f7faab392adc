import { dataKeyContext, type WrappedKey } from '#model/wrapped-key';
import type { ContainerHeader } from '#pipeline/container';

/** What every stored piece of WAL says about itself; authenticated where it is encrypted. */
export interface WalHeader extends ContainerHeader {
  kind: 'wal';
  source: string;
  /** 64 bits as decimal text */
  systemId: string;
  timeline: number;
  /** the WAL that it holds, `[start, end)`, as LSNs */
  start: string;
  end: string;
  segmentSize: number;
  /** when the last byte was sent, by the server's clock; of a pushed file, when it was last written */
  time: string;
  /** a file that PostgreSQL archived as `.partial`: as long as a segment, but only its beginning is WAL */
  partial?: true;
  /** the data key of the process that stored it; missing when it is not encrypted */
  key?: WrappedKey;
}

/** A timeline's history file, as the server has it. */
export interface HistoryHeader extends ContainerHeader {
  kind: 'history';
  source: string;
  systemId: string;
  timeline: number;
  time: string;
  key?: WrappedKey;
}

/** What the data keys of WAL are wrapped for: one system of one source. */
export const walKeyContext = (source: string, systemId: string): string =>
  dataKeyContext({ source, for: `wal/${systemId}` });
