import { ObjectDamaged } from '#model/failure';
import type { ObjectStore } from '#store/object-store';

/** All bytes of a small object. @throws ObjectMissing; ObjectDamaged when it is larger than `maxBytes` */
export async function readObject(
  store: ObjectStore,
  key: string,
  options: { maxBytes: number; signal?: AbortSignal },
): Promise<Buffer> {
  const { object, body } = await store.get(key, options.signal ? { signal: options.signal } : {});
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > options.maxBytes) break;
    chunks.push(Buffer.from(chunk));
  }
  if (size !== object.size) {
    throw new ObjectDamaged(`${key}: read ${size} bytes, expected ${object.size} and at most ${options.maxBytes}`, {
      operation: 'get',
      subject: key,
    });
  }
  return Buffer.concat(chunks);
}
