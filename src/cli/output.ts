import { createProgress, type Progress } from '#cli/progress';

/** A terminal, a file or a pipe. */
export interface Sink {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

export interface OutputOptions {
  stdout: Sink;
  stderr: Sink;
  json: boolean;
  quiet: boolean;
}

/** What a command says: its result on stdout, everything else on stderr. */
export interface Output {
  /** The result: text for people, or with --json the value as one line of JSON (bigints as text). */
  print(text: string, json: unknown): void;
  /** a remark in passing; nothing with --quiet */
  note(text: string): void;
  /** something that a person has to know, --quiet or not */
  warn(text: string): void;
  /** a line of a log that a person has to see, --quiet or not */
  log(line: string): void;
  /** Begin to show how far long work is, in bytes or in what `unit` says. `end` it, whatever happens. */
  progress(label: string, total?: number, unit?: string): Progress;
}

export function createOutput({ stdout, stderr, json, quiet }: OutputOptions): Output {
  return {
    print: (text, value) => void stdout.write(`${json ? toJson(value) : text}\n`),
    note: (text) => void (quiet || stderr.write(`${text}\n`)),
    warn: (text) => void stderr.write(`WARNING: ${text}\n`),
    log: (line) => void stderr.write(`${line}\n`),
    progress: (label, total, unit) => createProgress(label, total, quiet ? undefined : stderr, unit),
  };
}

export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item));
