/*
 * The server's side of PostgreSQL's protocol, version 3: what arrives, message by message.
 * Source: https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
/** Splits the byte stream into messages: type (1 byte), length (4 bytes, itself included), body. */
export class Framing {
  readonly #onMessage: (type: string, body: Buffer) => void;
  readonly #onCopyData: (slice: Buffer, first: boolean, last: boolean) => void;
  readonly #header = Buffer.alloc(5);
  #headerBytes = 0;
  #left = -1;
  #first = false;
  #body: Buffer[] = [];

  constructor(
    onMessage: (type: string, body: Buffer) => void,
    onCopyData: (slice: Buffer, first: boolean, last: boolean) => void,
  ) {
    this.#onMessage = onMessage;
    this.#onCopyData = onCopyData;
  }

  feed(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length || this.#left === 0) {
      if (this.#left < 0) {
        const count = bytes.copy(
          this.#header,
          this.#headerBytes,
          at,
          Math.min(bytes.length, at + 5 - this.#headerBytes),
        );
        at += count;
        this.#headerBytes += count;
        if (this.#headerBytes < 5) return;
        this.#begin();
        continue;
      }
      const slice = bytes.subarray(at, Math.min(bytes.length, at + this.#left));
      at += slice.length;
      this.#left -= slice.length;
      this.#pass(slice);
    }
  }

  #begin(): void {
    this.#headerBytes = 0;
    this.#left = this.#header.readInt32BE(1) - 4;
    this.#first = true;
    if (this.#left < 0) throw new Error(`the server sent a message of length ${this.#left + 4}`);
  }

  #pass(slice: Buffer): void {
    const last = this.#left === 0;
    if (last) this.#left = -1;
    if (this.#header[0] === copyData) {
      this.#onCopyData(slice, this.#first, last);
      this.#first = false;
      return;
    }
    this.#body.push(slice);
    if (!last) return;
    const body = this.#body.length === 1 ? slice : Buffer.concat(this.#body);
    this.#body = [];
    this.#onMessage(String.fromCharCode(this.#header[0]!), body);
  }
}

const copyData = 0x64;

export function readFieldNames(body: Buffer): string[] {
  const names: string[] = [];
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const end = body.indexOf(0, at);
    names.push(body.toString('utf8', at, end));
    at = end + 1 + 18; // table, column, type, size, modifier, format
  }
  return names;
}

export function readRow(body: Buffer, names: readonly string[]): Record<string, string | null> {
  const row: Record<string, string | null> = {};
  let at = 2;
  for (const name of names) {
    const length = body.readInt32BE(at);
    at += 4;
    row[name] = length < 0 ? null : body.toString('utf8', at, at + length);
    at += Math.max(length, 0);
  }
  return row;
}

export const readWarning = (fields: Map<string, string>): string | undefined =>
  fields.get('V') === 'WARNING' ? fields.get('M') : undefined;

export function readErrorFields(body: Buffer): Map<string, string> {
  const fields = new Map<string, string>();
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const end = body.indexOf(0, at + 1);
    fields.set(String.fromCharCode(body[at]!), body.toString('utf8', at + 1, end));
    at = end + 1;
  }
  return fields;
}
