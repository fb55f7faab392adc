import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { createFile, createFolder, readJson, removeFolder, removeUnfinished, replaceFile } from './durable-file.ts';
import type { Json } from './integration.ts';

export interface ExecutionRecord {
  arn: string;
  machine: string;
  name: string;
  startDate: string;
  input: Json;
  /** what began it, where that is another execution: the id of its call */
  startedBy: string | null;
}

export interface ExecutionEnding {
  status: 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';
  stopDate: string;
  output?: Json;
  error?: string;
  cause?: string;
}

export interface StopRequest {
  error: string | undefined;
  cause: string | undefined;
}

const recordSchema = z.object({
  arn: z.string(),
  machine: z.string(),
  name: z.string(),
  startDate: z.string(),
  input: z.json(),
  startedBy: z.string().nullable(),
});
const endingSchema = z.object({
  status: z.enum(['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']),
  stopDate: z.string(),
  output: z.json().optional(),
  error: z.string().optional(),
  cause: z.string().optional(),
});
const stopSchema = z.object({ error: z.string().optional(), cause: z.string().optional() });

/**
 * What lies in executions/<machine>/<name>/: execution.json and definition.json, there together or not at all;
 * journal.jsonl, which the engine keeps; stop.json once somebody stopped it; end.json when it has ended.
 */
export class ExecutionFolders {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  journalOf({ machine, name }: ExecutionPlace): string {
    return this.#at({ machine, name }, 'journal.jsonl');
  }

  /** False when there is one of this name. */
  create(record: ExecutionRecord, definition: Json): Promise<boolean> {
    return createFolder(join(this.#folder, record.machine, record.name), {
      'execution.json': JSON.stringify({ format: 'lifeboat-execution/1', ...record }),
      'definition.json': JSON.stringify(definition),
    });
  }

  /** All of them; what a crash left unfinished is removed. */
  async list(): Promise<ExecutionPlace[]> {
    const found: ExecutionPlace[] = [];
    for (const machine of await entriesOf(this.#folder)) {
      await removeUnfinished(join(this.#folder, machine));
      for (const name of await entriesOf(join(this.#folder, machine))) found.push({ machine, name });
    }
    return found;
  }

  /** undefined when there is none */
  async record(place: ExecutionPlace): Promise<ExecutionRecord | undefined> {
    const found = await readJson(this.#at(place, 'execution.json'));
    return found === undefined ? undefined : (recordSchema.parse(found) as ExecutionRecord);
  }

  async definition(place: ExecutionPlace): Promise<Json> {
    return (await readJson(this.#at(place, 'definition.json'))) as Json;
  }

  async ending(place: ExecutionPlace): Promise<ExecutionEnding | undefined> {
    const found = await readJson(this.#at(place, 'end.json'));
    return found === undefined ? undefined : (endingSchema.parse(found) as ExecutionEnding);
  }

  async end(place: ExecutionPlace, ending: ExecutionEnding): Promise<void> {
    await replaceFile(this.#at(place, 'end.json'), JSON.stringify({ format: 'lifeboat-execution-end/1', ...ending }));
  }

  /** The first one counts. */
  async requestStop(place: ExecutionPlace, request: StopRequest): Promise<void> {
    await createFile(this.#at(place, 'stop.json'), JSON.stringify({ format: 'lifeboat-stop/1', ...request }));
  }

  async stopRequest(place: ExecutionPlace): Promise<StopRequest | undefined> {
    const found = await readJson(this.#at(place, 'stop.json'));
    if (found === undefined) return undefined;
    const { error, cause } = stopSchema.parse(found);
    return { error, cause };
  }

  async remove({ machine, name }: ExecutionPlace): Promise<void> {
    await removeFolder(join(this.#folder, machine, name));
  }

  #at({ machine, name }: ExecutionPlace, file: string): string {
    return join(this.#folder, machine, name, file);
  }
}

export interface ExecutionPlace {
  machine: string;
  name: string;
}

/** What begins with a dot is on its way. */
async function entriesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
}
