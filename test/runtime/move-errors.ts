import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StrictService } from '#harness/strict-service';
import { Failure } from '#model/failure';

export type DocumentedError = [status: number, code: string, name: string];

/**
 * Each error that AWS documents for an operation: what it is to whoever moves, always with the code and with something to do.
 * `times`: the SDK tries again by itself.
 */
export function errorTests(
  operation: string,
  errors: readonly DocumentedError[],
  service: () => StrictService,
  call: () => Promise<unknown>,
): void {
  for (const [status, code, name] of errors) {
    test(`${operation} answered by ${code} is ${name}`, async () => {
      service().faults.push({ operation, status, code, message: `as ${code} says`, times: 9 });
      try {
        await assert.rejects(call(), (error) => {
          assert.ok(error instanceof Failure, String(error));
          assert.equal(error.name, name, error.message);
          assert.match(`${error.operation} ${error.message}`, new RegExp(operation));
          assert.ok((error.hint ?? '').length > 5, 'a hint');
          return true;
        });
        assert.ok(service().faults.length > 0 && service().faults[0]!.times! < 9, 'the fault was met');
      } finally {
        service().faults.length = 0;
      }
    });
  }
}

/** What every service of AWS may answer. https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html */
export const commonErrors: DocumentedError[] = [
  [403, 'AccessDeniedException', 'AuthenticationFailed'],
  [403, 'ExpiredTokenException', 'AuthenticationFailed'],
  [400, 'ThrottlingException', 'TrafficNotMoved'],
  [503, 'ServiceUnavailable', 'TrafficNotMoved'],
];

export const signal = new AbortController().signal;
