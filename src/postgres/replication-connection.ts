import type { Socket } from 'node:net';
import pg from 'pg';
import { Aborted, ConnectionFailed, ServerError } from '#model/failure';
import { explainConnectionError } from '#postgres/connection-failure';
import { refuseOldServer, watchVersion } from '#postgres/server-version';
import { Framing, readErrorFields, readFieldNames, readRow, readWarning } from '#postgres/wire-messages';

/** One result set of a simple query: rows as text, by column name. */
export interface ResultSet {
  rows: Record<string, string | null>[];
}

/** What happens while the server or we are copying. Slices may be kept: the socket never reuses their memory. */
export interface CopyHandler {
  /** the copy begins: `out` to us, `in` to the server, `both`; the result sets that came before it */
  onStart?(direction: 'out' | 'in' | 'both', results: readonly ResultSet[]): void;
  /** a piece of a CopyData message, and whether it is the message's first and last one */
  onData?(slice: Buffer, first: boolean, last: boolean): void;
  /** the server has ended its side */
  onDone?(): void;
}

export interface ReplicationOptions extends pg.ClientConfig {
  signal?: AbortSignal;
}

/**
 * A physical replication connection. `pg` connects (TLS, SCRAM, passwords); then the socket is ours, because pg's
 * COPY parser reuses its buffer and assembles whole messages. CopyData payloads are passed on in slices as they
 * arrive; every other message is small and is assembled.
 * Source: https://www.postgresql.org/docs/current/protocol-replication.html and protocol-message-formats.html
 */
export class ReplicationConnection {
  readonly serverVersion: string;
  readonly #client: pg.Client;
  readonly #socket: Socket;
  readonly #framing: Framing;
  #exchange: Exchange | undefined;
  #failure: Error | undefined;

  /** @throws ConnectionFailed, AuthenticationFailed, ServerUnsuitable (older than 15, no replication right) */
  static async open(options: ReplicationOptions): Promise<ReplicationConnection> {
    const { signal, ...config } = options;
    const client = new pg.Client({
      connectionTimeoutMillis: 10_000,
      ...config,
      replication: 'true',
    } as pg.ClientConfig);
    const version = watchVersion(client);
    client.on('error', () => undefined); // the socket's own listeners see the same error
    try {
      await client.connect();
      refuseOldServer(version(), client);
    } catch (error) {
      void client.end(); // else the socket stays open until the server gives up waiting for a password
      throw explainConnectionError(error, subjectOf(client));
    }
    return new ReplicationConnection(client, version(), signal);
  }

  private constructor(client: pg.Client, serverVersion: string, signal: AbortSignal | undefined) {
    this.#client = client;
    this.serverVersion = serverVersion;
    this.#socket = connectionOf(client).stream;
    this.#framing = new Framing(
      (type, body) => this.#onMessage(type, body),
      (...slice) => this.#onCopyData(...slice),
    );
    this.#socket.removeAllListeners('data');
    this.#socket.on('data', (bytes: Buffer) => this.#onBytes(bytes));
    this.#socket.on('error', (error) => this.#fail(this.#broken(error.message, error)));
    this.#socket.on('close', () => this.#fail(this.#broken('the server closed the connection')));
    this.#socket.resume();
    const abort = () => this.#abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    this.#socket.once('close', () => signal?.removeEventListener('abort', abort));
    if (signal?.aborted) abort();
  }

  get major(): number {
    return Number.parseInt(this.serverVersion, 10);
  }

  /**
   * Run one replication command. Settles when the server is ready for the next one: an error anywhere before that,
   * also after all data of a copy has come, rejects.
   * @throws ServerError, ConnectionFailed, Aborted
   */
  query(command: string, copy: CopyHandler = {}): Promise<ResultSet[]> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#exchange) throw new Error(`the connection is still busy with ${this.#exchange.command}`);
    return new Promise((resolve, reject) => {
      this.#exchange = {
        command,
        copy,
        results: [],
        fields: [],
        warning: undefined,
        error: undefined,
        resolve,
        reject,
      };
      this.#send('Q', Buffer.from(`${command}\0`));
    });
  }

  /** One CopyData message. False when the socket's buffer is full (see untilDrained). */
  sendCopyData(payload: Buffer): boolean {
    return this.#send('d', payload);
  }

  /** Ends our side of a copy. */
  sendCopyDone(): void {
    this.#send('c', Buffer.alloc(0));
  }

  untilDrained(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.once('drain', resolve);
      this.#socket.once('close', resolve);
    });
  }

  /** Back-pressure: while paused the server waits once the network's buffers are full. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Breaks the connection off: what is under way rejects with this failure. */
  abandon(failure: Error): void {
    this.#fail(failure);
    this.#socket.destroy();
  }

  async close(): Promise<void> {
    this.#failure ??= this.#broken('the connection was closed by us');
    await this.#client.end().catch(() => undefined); // it is closed either way
  }

  #send(type: string, payload: Buffer): boolean {
    const header = Buffer.alloc(5);
    header[0] = type.charCodeAt(0);
    header.writeInt32BE(payload.length + 4, 1);
    this.#socket.cork();
    this.#socket.write(header);
    const room = this.#socket.write(payload);
    this.#socket.uncork();
    return room;
  }

  #onBytes(bytes: Buffer): void {
    try {
      this.#framing.feed(bytes);
    } catch (error) {
      this.abandon(error as Error); // a handler refused the data: the exchange cannot go on
    }
  }

  #onCopyData(slice: Buffer, first: boolean, last: boolean): void {
    this.#exchange?.copy.onData?.(slice, first, last);
  }

  #onMessage(type: string, body: Buffer): void {
    const exchange = this.#exchange;
    if (!exchange) return;
    if (type === 'T') exchange.fields = readFieldNames(body);
    if (type === 'T') exchange.results.push({ rows: [] });
    if (type === 'D') exchange.results.at(-1)!.rows.push(readRow(body, exchange.fields));
    if (type === 'H') exchange.copy.onStart?.('out', exchange.results);
    if (type === 'G') exchange.copy.onStart?.('in', exchange.results);
    if (type === 'W') exchange.copy.onStart?.('both', exchange.results);
    if (type === 'c') exchange.copy.onDone?.();
    if (type === 'N') exchange.warning ??= readWarning(readErrorFields(body));
    if (type === 'E') exchange.error ??= this.#serverError(exchange, readErrorFields(body));
    if (type === 'Z') this.#settle(exchange);
  }

  #settle(exchange: Exchange): void {
    this.#exchange = undefined;
    if (exchange.error) exchange.reject(exchange.error);
    else exchange.resolve(exchange.results);
  }

  /** The first warning before an error often says what the error only counts, like the page whose checksum is wrong. */
  #serverError({ command, warning }: Exchange, fields: Map<string, string>): ServerError {
    const hint = fields.get('H');
    const verb = command.split(/[ (]/, 1)[0]!;
    const more = fields.get('D') ?? warning;
    const detail = more === undefined ? '' : ` (${more})`;
    return new ServerError(`${verb}: the server reports: ${fields.get('M')}${detail}`, {
      operation: verb,
      subject: subjectOf(this.#client).host,
      sqlState: fields.get('C') ?? 'XX000',
      ...(hint === undefined ? {} : { hint }),
    });
  }

  #broken(what: string, cause?: unknown): ConnectionFailed {
    const { host, port } = subjectOf(this.#client);
    return new ConnectionFailed(`the replication connection to ${host}:${port} broke: ${what}`, {
      operation: this.#exchange?.command.split(/[ (]/, 1)[0] ?? 'replication',
      subject: `${host}:${port}`,
      hint: 'look into the server log around this time; then run the command again',
      cause,
    });
  }

  #abort(reason: unknown): void {
    const failure = reason instanceof Error && reason.name !== 'AbortError' ? reason : undefined;
    this.abandon(
      failure ??
        new Aborted('the replication connection was stopped', {
          operation: 'replication',
          subject: subjectOf(this.#client).host,
        }),
    );
  }

  #fail(failure: Error): void {
    this.#failure ??= failure;
    const exchange = this.#exchange;
    this.#exchange = undefined;
    // An error report that arrived just before the server hung up says more than the hang-up.
    exchange?.reject(exchange.error ?? this.#failure);
  }
}

interface Exchange {
  command: string;
  copy: CopyHandler;
  results: ResultSet[];
  fields: string[];
  warning: string | undefined;
  error: ServerError | undefined;
  resolve(results: ResultSet[]): void;
  reject(failure: unknown): void;
}

interface PgConnection {
  stream: Socket;
}

/** pg does not type the connection below its client, but has kept it under this name since 2010. */
const connectionOf = (client: pg.Client): PgConnection =>
  (client as unknown as { connection: PgConnection }).connection;

const subjectOf = (client: pg.Client) => ({
  host: client.host,
  port: client.port,
  user: client.user ?? '',
  database: client.database ?? '',
});
