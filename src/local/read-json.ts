import type { Json } from './integration.ts';

/** A text that is no JSON. */
export class JsonUnreadable extends Error {
  override readonly name = 'JsonUnreadable';
}

/**
 * JSON as Step Functions' $parse reads it: texts may stand in single quotes, while a key that comes twice and a number
 * that no double can hold are refused.
 * @throws JsonUnreadable; RangeError when it is too deep
 */
export function readJson(text: string): Json {
  const reader = new Reader(text);
  const value = reader.value();
  reader.end();
  return value;
}

const literals: [RegExp, Json][] = [
  [/true/y, true],
  [/false/y, false],
  [/null/y, null],
];
const space = /[ \t\n\r]*/y;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them within texts
const quoted = /"(?:[^"\\\u0000-\u001f]|\\["\\/bfnrtu])*"|'(?:[^'\\\u0000-\u001f]|\\["\\/bfnrtu])*'/y;

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): Json {
    if (this.#skip('{')) return this.#object();
    if (this.#skip('[')) return this.#list();
    for (const [pattern, value] of literals) if (this.#take(pattern)) return value;
    const digits = this.#take(number);
    if (digits === undefined) return this.#string();
    if (Number.isFinite(Number(digits))) return Number(digits);
    throw new JsonUnreadable(`${digits} is too large`);
  }

  end(): void {
    this.#take(space);
    if (this.#at < this.#text.length) throw this.#unreadable();
  }

  #list(): Json[] {
    const items: Json[] = [];
    if (this.#skip(']')) return items;
    do items.push(this.value());
    while (this.#skip(','));
    this.#expect(']');
    return items;
  }

  #object(): Json {
    const members = new Map<string, Json>();
    if (this.#skip('}')) return {};
    do {
      const key = this.#string();
      if (members.has(key)) throw new JsonUnreadable(`${key} comes twice`);
      this.#expect(':');
      members.set(key, this.value());
    } while (this.#skip(','));
    this.#expect('}');
    return Object.fromEntries(members);
  }

  #string(): string {
    this.#take(space);
    const found = this.#take(quoted);
    if (found === undefined) throw this.#unreadable();
    try {
      return JSON.parse(`"${found.slice(1, -1).replace(/\\.|"/g, (part) => (part === '"' ? '\\"' : part))}"`);
    } catch {
      throw new JsonUnreadable(`${found} has an escape that is none`);
    }
  }

  #expect(mark: string): void {
    if (!this.#skip(mark)) throw this.#unreadable();
  }

  #skip(mark: string): boolean {
    this.#take(space);
    if (this.#text[this.#at] !== mark) return false;
    this.#at++;
    return true;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #unreadable(): JsonUnreadable {
    return new JsonUnreadable(`character ${this.#at} is not what JSON has there`);
  }
}
