import { digestOf } from '#model/evidence';
import { type EvidenceHead, evidenceHeadSchema } from '#model/evidence-head';
import { evidenceHeadsFolder } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';

/** An object evidence-heads/<date>.json as it lies there. */
export interface StoredHead {
  key: string;
  /** by the name of its object */
  date: string;
  /** SHA-256 of its bytes */
  digest: string;
  /** undefined: it is none */
  head: EvidenceHead | undefined;
}

const maxHeadBytes = 1 << 20;

/** All of them, oldest first. */
export async function readHeads(store: ObjectStore): Promise<StoredHead[]> {
  const found: StoredHead[] = [];
  for await (const { key } of store.list(evidenceHeadsFolder)) {
    const bytes = await readObject(store, key, { maxBytes: maxHeadBytes });
    const date = key.slice(evidenceHeadsFolder.length).replace(/\.json$/, '');
    found.push({ key, date, digest: digestOf(bytes), head: parseHead(bytes) });
  }
  return found;
}

function parseHead(bytes: Buffer): EvidenceHead | undefined {
  try {
    return evidenceHeadSchema.safeParse(JSON.parse(bytes.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
