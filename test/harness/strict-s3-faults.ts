import type { S3Request } from './strict-s3-request.ts';

/** What a server or a network does wrong. */
export type Fault =
  /** answer this error, after carrying the request out where `after` says so */
  | { kind: 'error'; status: number; code: string; after?: boolean }
  /** cut the connection, before or after the request was carried out */
  | { kind: 'reset'; when: 'before' | 'after' }
  /** carry it out and never answer */
  | { kind: 'stall' }
  /** send this much of the answer's body, then cut the connection */
  | { kind: 'truncate'; bytes: number }
  /** send this much of the answer's body, then nothing, with the connection open */
  | { kind: 'hang'; bytes: number }
  /** send the answer's body in small chunks with pauses */
  | { kind: 'slow'; chunkBytes: number; pauseMs: number }
  /** change one byte of the answer's body */
  | { kind: 'corrupt'; at: number }
  /** answer that all is well, and store nothing */
  | { kind: 'lie' }
  /** store only the first bytes, and answer that all is well */
  | { kind: 'cut'; bytes: number }
  /** serve the generation before */
  | { kind: 'old' };

/** When something goes wrong: by method, key, query and headers; from the nth request that matches on (1), so many times (1). */
export interface FaultRule {
  fault: Fault;
  method?: string;
  key?: RegExp;
  /** matched against the names in the query: /uploadId/ */
  query?: RegExp;
  /** matched against the names of the headers */
  header?: RegExp;
  nth?: number;
  times?: number;
}

export class FaultPlan {
  #rules: { rule: FaultRule; seen: number }[] = [];

  add(...rules: FaultRule[]): void {
    this.#rules.push(...rules.map((rule) => ({ rule, seen: 0 })));
  }

  clear(): void {
    this.#rules = [];
  }

  /** The first fault that is due for a request; every rule that matches counts it. */
  next(request: S3Request): Fault | undefined {
    let due: Fault | undefined;
    for (const entry of this.#rules) {
      if (!matches(entry.rule, request)) continue;
      entry.seen++;
      const nth = entry.rule.nth ?? 1;
      if (entry.seen >= nth && entry.seen < nth + (entry.rule.times ?? 1)) due ??= entry.rule.fault;
    }
    return due;
  }
}

function matches(rule: FaultRule, request: S3Request): boolean {
  const query = [...request.query.keys()].join(' ');
  const headers = [...request.headers.keys()].join(' ');
  return (
    (rule.method === undefined || rule.method === request.method) &&
    (rule.key === undefined || rule.key.test(request.key)) &&
    (rule.query === undefined || rule.query.test(query)) &&
    (rule.header === undefined || rule.header.test(headers))
  );
}
