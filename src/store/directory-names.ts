/**
 * Where an object lies in a directory: its path is its key, with as few changes as a file system needs. All of them
 * use `%`, and each key has exactly one path and each path at most one key:
 *
 * - A name with a dot is taken for an object (`manifest.json`, `base.tar.000000`), one without for a folder
 *   (`backups`). The other kind carries a `%` at its end: object `a` is the file `a%`, folder `eu.west/` the directory
 *   `eu.west%`. So object `a` and folder `a/` never compete for one name.
 * - `%XX` is a byte that would be harmful: `%` itself, control characters, a dot in front (`.`, `..`, hidden files).
 * - The empty name (`a//b`) is `%`.
 * - A name longer than 200 bytes is cut, and goes on below a directory whose name ends in `%+`.
 */
export function pathOfObject(key: string): string {
  const names = key.split('/');
  const object = names.pop() ?? '';
  return [...names.flatMap((name) => elementsOf(name, 'folder')), ...elementsOf(object, 'object')].join('/');
}

/** The directory of a prefix that ends in `/`; empty for the empty prefix. */
export function pathOfFolder(prefix: string): string {
  const names = prefix.split('/').slice(0, -1);
  return names.flatMap((name) => elementsOf(name, 'folder')).join('/');
}

/** What a directory entry stands for; `start` is the first piece of a name that was cut. */
export type NameKind = 'object' | 'folder' | 'start';

/** The name that a path element stands for; undefined for a file or directory that no key leads to. */
export function readElement(element: string, isDirectory: boolean): { name: string; kind: NameKind } | undefined {
  const kind = !isDirectory ? 'object' : element.endsWith(cut) ? 'start' : 'folder';
  const name = element === empty ? '' : unescaped(withoutMark(element, kind));
  const canonical = kind === 'start' ? `${escaped(name)}${cut}` : marked(name, kind);
  return canonical === element ? { name, kind } : undefined;
}

const empty = '%';
const mark = '%';
const cut = '%+';
/** File systems allow 255; what is left is for the mark and for tools that append to names. */
const maxElementBytes = 200;

function elementsOf(name: string, kind: 'object' | 'folder'): string[] {
  const pieces = piecesOf(name);
  const last = pieces.pop() ?? '';
  return [...pieces.map((piece) => `${escaped(piece)}${cut}`), marked(last, kind)];
}

function piecesOf(name: string): string[] {
  const pieces = [''];
  let bytes = 0;
  for (const character of name) {
    const more = Buffer.byteLength(escaped(character));
    if (bytes + more > maxElementBytes) {
      pieces.push('');
      bytes = 0;
    }
    pieces[pieces.length - 1] += character;
    bytes += more;
  }
  return pieces;
}

function marked(name: string, kind: 'object' | 'folder'): string {
  const looksLikeObject = name.includes('.');
  return `${escaped(name)}${looksLikeObject === (kind === 'object') ? '' : mark}`;
}

function withoutMark(element: string, kind: NameKind): string {
  if (kind === 'start') return element.slice(0, -cut.length);
  const bare = element.endsWith(mark) ? element.slice(0, -mark.length) : element;
  return bare === empty ? '' : bare;
}

function escaped(name: string): string {
  if (name === '') return empty;
  // a disk's own directory, unreadable for most, that has this name where a bucket is the root of a file system
  if (name === 'lost+found') return 'lost%2Bfound';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return name.replace(/[%\u0000-\u001f\u007f]|^\./g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

function unescaped(text: string): string {
  return text.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
