import { isAbsolute, join, resolve } from 'node:path';
import { InputInvalid } from '#model/failure';
import type { Tablespace } from '#postgres/base-backup';

/** Where a restored cluster's archives go: `base` to the data directory, each tablespace to its place. */
export interface RestoreLayout {
  dataDir: string;
  /** oid → absolute path */
  tablespaces: ReadonlyMap<string, string>;
}

/**
 * `mappings` as people give them: `old location=new location` or `oid=new location`.
 * @throws InputInvalid for a mapping of nothing, a relative place, or places one inside another: what does not belong
 *   to one of them is set aside or removed there
 */
export function planLayout(
  dataDir: string,
  tablespaces: readonly Tablespace[],
  mappings: readonly string[],
): RestoreLayout {
  // In-place tablespaces (a developer's setting) have a location relative to the data directory.
  const places = new Map(tablespaces.map(({ oid, location }) => [oid, resolve(dataDir, location)]));
  for (const mapping of mappings) {
    const [from = '', to = ''] = splitMapping(mapping);
    const moved = tablespaces.find((tablespace) => tablespace.oid === from || tablespace.location === from);
    if (!moved || !isAbsolute(to)) {
      const known = tablespaces.map((tablespace) => `${tablespace.oid} (${tablespace.location})`).join(', ') || 'none';
      throw new InputInvalid('tablespace', mapping, `OLD=NEW, NEW an absolute path, OLD one of the backup's: ${known}`);
    }
    places.set(moved.oid, resolve(to));
  }
  const taken = new Map([[resolve(dataDir), 'the data directory']]);
  for (const [oid, place] of places) {
    if (place === resolve(dataDir, 'pg_tblspc', oid)) continue;
    const [, other] = [...taken].find(([path]) => isWithin(path, place) || isWithin(place, path)) ?? [];
    if (other)
      throw new InputInvalid('tablespace', place, `a place of its own for tablespace ${oid}: it is ${other}'s`);
    taken.set(place, `tablespace ${oid}`);
  }
  return { dataDir, tablespaces: places };
}

const isWithin = (folder: string, path: string): boolean =>
  path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);

function splitMapping(mapping: string): [string, string] | [] {
  const at = mapping.indexOf('=');
  return at < 0 ? [] : [mapping.slice(0, at), mapping.slice(at + 1)];
}

/** The folder that an archive's paths are relative to. */
export function archiveRoot(layout: RestoreLayout, archive: string): string {
  const root = archive === 'base' ? layout.dataDir : layout.tablespaces.get(archive);
  if (root === undefined) throw new InputInvalid('archive', archive, 'base or a tablespace of the manifest');
  return root;
}

/**
 * Where an archive's member lies. Refuses what could be written outside of the archive's folder, or through a
 * tablespace's link.
 */
export function memberPath(layout: RestoreLayout, archive: string, path: string): string {
  const elements = path.split('/');
  const throughLink = archive === 'base' && elements[0] === 'pg_tblspc' && layout.tablespaces.has(elements[1] ?? '');
  const outside = elements.some((element) => element === '..' || element === '' || element === '.');
  if (outside || path.includes('\0') || (throughLink && elements.length > 2)) {
    throw new InputInvalid('archive member', path, `a path inside ${archive}.tar's own folder`);
  }
  return join(archiveRoot(layout, archive), path);
}
