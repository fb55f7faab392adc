/** A DB instance, or a cluster: RDS gives their fields the same names but for the prefix. */
export interface RdsDatabase {
  id: string;
  status: string;
  engineVersion: string;
  latest: Date | undefined;
  earliest: Date | undefined;
  retentionDays: number;
  encrypted: boolean;
  sizeGiB: number;
  instanceClass: string;
  subnetGroup: string;
  securityGroups: string[];
  publiclyAccessible: boolean;
  /** of an instance: its cluster */
  cluster: string | undefined;
  tags: Record<string, string>;
  /** so many times it is still described as being made */
  pending: number;
}

export interface RdsSnapshot {
  id: string;
  of: string;
  type: 'manual' | 'automated';
  status: string;
  createdAt: Date;
  /** of a copy from another region: of what */
  copyOf: { arn: string; createdAt: Date } | undefined;
  engineVersion: string;
  sizeGiB: number;
  encrypted: boolean;
  kmsKey: string | undefined;
  tags: Record<string, string>;
  pending: number;
}

export type RdsKind = 'instance' | 'cluster';

/** What each region has. */
export class RdsRegions {
  /** what is made takes so many looks until it is there; 0: it is there at once */
  looks = 2;
  /** of manual snapshots in a region */
  snapshotQuota = 100;
  readonly now: () => Date;
  readonly #databases = new Map<string, RdsDatabase>();
  readonly #snapshots = new Map<string, RdsSnapshot>();

  constructor(now: () => Date) {
    this.now = now;
  }

  add(region: string, kind: RdsKind, database: Partial<RdsDatabase> & { id: string }): RdsDatabase {
    const whole: RdsDatabase = {
      ...{ status: 'available', engineVersion: '16.4', retentionDays: 7, encrypted: true, sizeGiB: 100 },
      ...{ instanceClass: 'db.r6g.large', subnetGroup: 'private', securityGroups: ['sg-1'], tags: {}, pending: 0 },
      ...{ latest: undefined, earliest: undefined, publiclyAccessible: false, cluster: undefined },
      ...database,
    };
    this.#databases.set(`${region} ${kind} ${whole.id}`, whole);
    return whole;
  }

  addSnapshot(region: string, kind: RdsKind, snapshot: Partial<RdsSnapshot> & { id: string; of: string }): RdsSnapshot {
    const whole: RdsSnapshot = {
      ...{ type: 'manual', status: 'available', createdAt: this.now(), engineVersion: '16.4', sizeGiB: 100 },
      ...{ encrypted: true, kmsKey: undefined, copyOf: undefined, tags: {}, pending: 0 },
      ...snapshot,
    };
    this.#snapshots.set(`${region} ${kind} ${whole.id}`, whole);
    return whole;
  }

  database(region: string, kind: RdsKind, id: string): RdsDatabase | undefined {
    return this.#databases.get(`${region} ${kind} ${id}`);
  }
  snapshot(region: string, kind: RdsKind, id: string): RdsSnapshot | undefined {
    return this.#snapshots.get(`${region} ${kind} ${id}`);
  }
  snapshots(region: string, kind: RdsKind): RdsSnapshot[] {
    return [...this.#snapshots].flatMap(([key, one]) => (key.startsWith(`${region} ${kind} `) ? [one] : []));
  }
  /** a copy of it that is being made ends */
  removeSnapshot(region: string, kind: RdsKind, id: string, arn: string): void {
    this.#snapshots.delete(`${region} ${kind} ${id}`);
    for (const one of this.#snapshots.values())
      if (one.copyOf?.arn === arn && one.status === 'creating') Object.assign(one, { status: 'failed', pending: 0 });
  }
  databases(region: string, kind: RdsKind): RdsDatabase[] {
    return [...this.#databases].flatMap(([key, one]) => (key.startsWith(`${region} ${kind} `) ? [one] : []));
  }
  remove(region: string, kind: RdsKind, id: string): void {
    this.#databases.delete(`${region} ${kind} ${id}`);
  }
}
