import type { z } from 'zod';
import { ObjectDamaged, ObjectMissing } from '#model/failure';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';

const maxRecordBytes = 4 << 20;

export const printRecord = (record: object): Buffer => Buffer.from(`${JSON.stringify(record, null, 2)}\n`);

/** Whether it was stored; false: there is an object with this key already. */
export async function putRecord(store: ObjectStore, key: string, record: object): Promise<boolean> {
  return (await store.put(key, printRecord(record), { condition: 'absent' })).stored;
}

/** undefined when there is none. @throws ObjectDamaged when it is not one */
export async function readRecord<T>(store: ObjectStore, key: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return parseRecord(await readObject(store, key, { maxBytes: maxRecordBytes }), key, schema);
  } catch (failure) {
    if (failure instanceof ObjectMissing) return undefined;
    throw failure;
  }
}

export function parseRecord<T>(bytes: Buffer, key: string, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(fromJson(bytes.toString('utf8')));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ObjectDamaged(`${key} is not the record that it should be: ${issue!.path.join('.')}: ${issue!.message}`, {
    operation: 'read record',
    subject: key,
    hint: 'the object was changed, or written by a later version of Lifeboat',
  });
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema refuses it with the key in the message
  }
}
