import { walFolder } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/** The systems that a source has WAL of: more than one after it was replaced by a restored or newly made cluster. */
export async function walSystems(store: ObjectStore, source: string, signal?: AbortSignal): Promise<string[]> {
  const systems: string[] = [];
  for await (const folder of store.folders(walFolder(source), signal ? { signal } : {})) {
    const system = folder.slice(0, -1);
    if (/^\d{1,20}$/.test(system)) systems.push(system);
  }
  return systems;
}
