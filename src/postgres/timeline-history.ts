import { ServerUnsuitable } from '#model/failure';
import { historyFileName, type Timeline } from '#model/timeline';
import type { ReplicationConnection } from '#postgres/replication-connection';

/** The content of a timeline's history file. */
export async function readHistory(connection: ReplicationConnection, timeline: Timeline): Promise<Buffer> {
  const row = (await connection.query(`TIMELINE_HISTORY ${timeline}`))[0]?.rows[0];
  if (row?.content) return Buffer.from(row.content);
  throw new ServerUnsuitable(`the server has no content in ${historyFileName(timeline)}`, {
    operation: 'read timeline history',
    subject: historyFileName(timeline),
  });
}
