import type { DumpManifest } from '#model/dump-manifest';
import { ObjectDamaged, ObjectMissing } from '#model/failure';
import { dumpFolder, dumpObjectKey, globalsName } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/** Is everything there that a dump's manifest names, with its size? Costs one listing. @throws ObjectMissing, ObjectDamaged */
export async function checkDumpObjects(store: ObjectStore, manifest: DumpManifest): Promise<void> {
  const { source, dump, globals, databases } = manifest;
  const sizes = new Map<string, number>();
  for await (const { key, size } of store.list(dumpFolder(source, dump))) sizes.set(key, size);
  const named = [{ ...globals, name: globalsName }, ...databases.flatMap(({ parts }) => parts)];
  for (const { name, storedBytes } of named) {
    const key = dumpObjectKey(source, dump, name);
    const size = sizes.get(key);
    const about = {
      operation: 'check dump',
      subject: key,
      hint: 'use another dump (`lifeboat dumps`), and take one now',
    };
    if (size === undefined) throw new ObjectMissing(`${key} of dump ${dump} is not there`, about);
    if (size !== storedBytes)
      throw new ObjectDamaged(`${key} of dump ${dump} has ${size} bytes, the manifest says ${storedBytes}`, about);
  }
}
