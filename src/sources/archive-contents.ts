import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { BackupIncomplete } from '#model/failure';

/**
 * Shows an archive of pg_dump to `pg_restore --list` while it passes: its beginning is a table of contents, and whoever
 * cannot read that restores nothing. The program takes what it needs, and goes; the rest is not its business.
 */
export class ArchiveContents {
  readonly #subject: string;
  readonly #child;
  readonly #ended: Promise<string>;
  readonly #said: Promise<string[]>;
  #entries = 0;

  /** `binDir`: where pg_restore is; `subject`: for messages */
  constructor(binDir: string, subject: string) {
    this.#subject = subject;
    this.#child = spawn(`${binDir}/pg_restore`, ['--list'], { env: { LC_ALL: 'C' }, cwd: '/' });
    this.#child.stdin.on('error', () => undefined); // it has read enough
    this.#ended = once(this.#child, 'close').then(
      ([code, signal]) => (signal ? `by ${signal}` : `with exit code ${code}`),
      (error: Error) => `before it began: ${error.message}`,
    );
    this.#said = Array.fromAsync(createInterface({ input: this.#child.stderr }));
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      if (/^\d+;/.test(line)) this.#entries++;
    });
  }

  /** Answers a promise where the program has to catch up. */
  feed(bytes: Buffer): Promise<void> | undefined {
    const { stdin } = this.#child;
    if (!stdin.writable || stdin.write(bytes)) return undefined;
    return new Promise((resolve) => {
      const done = () => {
        stdin.off('drain', done).off('close', done);
        resolve();
      };
      stdin.on('drain', done).on('close', done);
      if (stdin.destroyed) done();
    });
  }

  /** The archive is complete. Answers how many entries it has. @throws BackupIncomplete when they cannot be read */
  async end(): Promise<number> {
    this.#child.stdin.end();
    const end = await this.#ended;
    if (end === 'with exit code 0') return this.#entries;
    const why = (await this.#said).slice(-3).join('; ');
    throw new BackupIncomplete(
      `the table of contents of ${this.#subject} cannot be read: pg_restore ended ${end}: ${why}`,
      {
        operation: 'dump',
        subject: this.#subject,
        hint: 'nothing of it counts: take another dump; where that fails, too, see whether pg_dump and pg_restore are of one version',
      },
    );
  }

  /** Nobody needs the answer any more. */
  async abandon(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
