import type { DumpId } from '#model/dump-id';
import type { ContainerHeader } from '#pipeline/container';

/** What every object of a dump says about itself; authenticated where it is encrypted. */
export interface DumpHeader extends ContainerHeader {
  /** globals: SQL with roles and tablespaces; dump: a piece of the archive of one database */
  kind: 'globals' | 'dump';
  source: string;
  dump: DumpId;
  /** its place in the manifest's databases, from 0; missing in the globals */
  database?: number;
  /** number within the archive, from 0 */
  part?: number;
}
