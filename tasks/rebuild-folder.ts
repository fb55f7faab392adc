import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { replaceDurably, syncFolder } from './durably.ts';

/**
 * `<data directory>.rebuild`, beside the data directory as long as its rebuilding is not over: whoever comes after an
 * attempt that was killed sees there how far that one was.
 *
 *     state.json   what is under way
 *     settings/    the site's own configuration, kept before anything was changed
 *
 * And `<data directory>.rewinding`, the data directory itself while it is rewound: nobody can start what is not in its place.
 */
export class RebuildFolder {
  readonly path: string;
  readonly settings: string;
  readonly rewinding: string;

  constructor(dataDir: string) {
    this.path = `${dataDir}.rebuild`;
    this.settings = join(this.path, 'settings');
    this.rewinding = `${dataDir}.rewinding`;
  }

  read(): RebuildState | undefined {
    const path = join(this.path, 'state.json');
    return existsSync(path) ? stateSchema.parse(JSON.parse(readFileSync(path, 'utf8'))) : undefined;
  }

  /** On disk when this returns. */
  write(state: RebuildState): void {
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    replaceDurably(join(this.path, 'state.json'), `${JSON.stringify(state, null, 2)}\n`);
    syncFolder(dirname(this.path));
  }

  remove(): void {
    // the state goes first with the name: a folder without it means nothing
    if (!existsSync(this.path)) return;
    const away = `${this.path}.over`;
    rmSync(away, { recursive: true, force: true });
    renameSync(this.path, away);
    rmSync(away, { recursive: true, force: true });
  }
}

const stateSchema = z.strictObject({
  /**
   * begun: nothing was changed but settings; rewinding: the files there are of two servers, half and half;
   * whole: they only have to follow; restoring: what lies in the data directory comes from the bucket
   */
  phase: z.enum(['begun', 'rewinding', 'restoring', 'whole']),
  /** by which way they became whole, or are to */
  how: z.enum(['followed', 'rewound', 'restored']),
  divergedAt: z.string().nullable(),
  keptAside: z.string().nullable(),
  rawBytes: z.number().int().nonnegative(),
});
export type RebuildState = z.infer<typeof stateSchema>;
