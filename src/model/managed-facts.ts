/** What RDS tells of a database. */
export interface DatabaseFacts {
  arn: string;
  /** `available`, `backing-up`, … */
  status: string;
  engine: string;
  engineVersion: string;
  encrypted: boolean;
  /** of automated backups; 0: there are none */
  retentionDays: number;
  /** between these, any instant can be restored; without the latest none can be, and the earliest may not be told */
  earliestRestorable: Date | undefined;
  latestRestorable: Date | undefined;
  instanceClass: string | undefined;
  subnetGroup: string | undefined;
}

/** What RDS tells of a snapshot. */
export interface ManagedSnapshot {
  id: string;
  arn: string;
  /** the identifier of the database that it is of */
  of: string;
  /** `manual`, `automated`, … */
  type: string;
  /** `creating`, `available`, … */
  status: string;
  /** the instant that it brings back, which a copy of an instance's has from its original; undefined while it is made */
  createdAt: Date | undefined;
  /** the ARN of what it is a copy of, from another region or account */
  copyOf?: string | undefined;
  engine: string;
  engineVersion: string;
  sizeGiB: number;
  encrypted: boolean;
  tags: Record<string, string>;
}

/** What becomes nothing by waiting. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html */
export const isLost = (status: string): boolean =>
  /^(?:failed|deleting|deleted|inaccessible-encryption-credentials|incompatible-.*|restore-error|storage-full)$/.test(
    status,
  );
