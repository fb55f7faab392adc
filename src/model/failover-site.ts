import { z } from 'zod';
import { databaseId } from '#model/managed-source';
import { section, text } from '#model/plan-field';
import { type Connection, connection } from '#model/postgres-source';

/** One place where the cluster can have its primary. */
export interface Site {
  name: string;
  server: SiteServer;
}

export type SiteServer =
  /** a server with streaming replication, or a place where one can be made from the bucket */
  | { kind: 'postgres'; connection: Connection; control: Control }
  /** an instance, or the read replica of one in another region */
  | { kind: 'rds'; instance: string; region: string; fenceGroup?: string; connection?: Connection }
  /** a member of an Aurora global database */
  | { kind: 'aurora'; globalCluster: string; cluster: string; region: string; connection?: Connection };

/** By what a server is kept from taking writes, also when it does not answer. */
export type Control =
  /** its data directory is on this machine: it is stopped, and can only come back as a standby */
  | { kind: 'local'; dataDir: string; binDir?: string; runAs?: string }
  /** its machine is stopped; rebuilt by a document of Systems Manager that runs on it */
  | { kind: 'ec2'; instance: string; region: string; rebuildDocument?: string }
  /** only by SQL, which a client that overrides it can evade, and never when it does not answer */
  | { kind: 'sql' };

export const siteName = () =>
  text('1 to 40 lower-case letters, digits or -, beginning with a letter', /^[a-z][a-z0-9-]{0,39}$/);

export const region = () => text('a region like eu-west-1', /^[a-z]{2}(?:-[a-z]+)+-\d$/);

const control = z.discriminatedUnion(
  'kind',
  [
    section({
      kind: z.literal('local'),
      dataDir: text('the path of a data directory'),
      binDir: text('the path of a folder with the server programs').exactOptional(),
      runAs: text('the name of a user', /^\w[\w.-]*$/).exactOptional(),
    }),
    section({
      kind: z.literal('ec2'),
      instance: text("an instance's id", /^i-[0-9a-f]{8,17}$/),
      region: region(),
      rebuildDocument: text('the name of a document of Systems Manager', /^[\w.-]{3,128}$/).exactOptional(),
    }),
    section({ kind: z.literal('sql') }),
  ],
  { error: (issue) => (issue.code === 'invalid_union' ? 'one of local, ec2, sql' : 'a map with kind, …') },
);

/** A site without its name, which is its key in the group. */
export const site = section({
  server: z.discriminatedUnion(
    'kind',
    [
      section({ kind: z.literal('postgres'), connection, control }),
      section({
        kind: z.literal('rds'),
        instance: databaseId(),
        region: region(),
        fenceGroup: text("a security group's id", /^sg-[0-9a-f]{1,17}$/).exactOptional(),
        connection: connection.exactOptional(),
      }),
      section({
        kind: z.literal('aurora'),
        globalCluster: databaseId(),
        cluster: databaseId(),
        region: region(),
        connection: connection.exactOptional(),
      }),
    ],
    { error: (issue) => (issue.code === 'invalid_union' ? 'one of postgres, rds, aurora' : 'a map with kind, …') },
  ),
});
