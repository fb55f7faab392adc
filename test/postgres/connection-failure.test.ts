import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import pg from 'pg';
import {
  AuthenticationFailed,
  ConnectionFailed,
  type Failure,
  LeaseHeld,
  ServerError,
  ServerUnsuitable,
} from '#model/failure';
import { explainConnectionError } from '#postgres/connection-failure';

const target = { host: 'db.example', port: 5432, user: 'lifeboat', database: 'app' };

describe('an answer of the server is told by its SQLSTATE, whatever its language', () => {
  const answers: [sqlState: string, kind: new (...args: never[]) => Failure, hint: RegExp][] = [
    ['28P01', AuthenticationFailed, /ALTER ROLE lifeboat PASSWORD/],
    ['28000', AuthenticationFailed, /"host replication lifeboat <address of this machine>\/32 scram-sha-256"/],
    ['3D000', ServerUnsuitable, /database that exists/],
    ['42501', ServerUnsuitable, /^ALTER ROLE lifeboat REPLICATION/],
    ['53300', ConnectionFailed, /max_connections.*max_wal_senders/],
    ['53400', ServerUnsuitable, /setting/],
    ['55000', ServerUnsuitable, /accepts connections/],
    ['57P01', ConnectionFailed, /going down/],
    ['57P02', ConnectionFailed, /crashed/],
    ['57P03', ConnectionFailed, /starts/],
  ];
  for (const [sqlState, kind, hint] of answers) {
    test(sqlState, () => {
      const failure = explainConnectionError(serverError(sqlState, 'так не пойдёт'), target);
      assert.ok(failure instanceof kind, `${failure.name}`);
      assert.equal(failure.message, 'db.example:5432 refuses lifeboat the database app: так не пойдёт');
      assert.match(failure.hint!, hint);
      assert.equal(failure.subject, 'db.example:5432');
    });
  }

  test('any other', () => {
    const failure = explainConnectionError(serverError('0A000', 'unsupported frontend protocol'), target);
    assert.ok(failure instanceof ServerError);
    assert.equal(failure.sqlState, '0A000');
  });
});

describe('an error of the network is told by its errno', () => {
  const errors: [code: string, message: RegExp][] = [
    ['ECONNREFUSED', /: nothing listens there$/],
    ['ENOTFOUND', /no such host$/],
    ['EAI_AGAIN', /cannot be looked up now$/],
    ['ETIMEDOUT', /no answer in time$/],
    ['EHOSTUNREACH', /host cannot be reached$/],
    ['ENETUNREACH', /network cannot be reached$/],
    ['ENOENT', /no such socket$/],
    ['EACCES', /may not be opened$/],
    ['ECONNRESET', /closed the connection$/],
  ];
  for (const [code, message] of errors) {
    test(code, () => {
      const failure = explainConnectionError(Object.assign(new Error(`connect ${code}`), { code }), target);
      assert.ok(failure instanceof ConnectionFailed);
      assert.match(failure.message, /^cannot connect to db\.example:5432: /);
      assert.match(failure.message, message);
      assert.ok(failure.hint);
    });
  }
});

test("pg's own timeout is one too", () => {
  const failure = explainConnectionError(new Error('timeout expired'), target);
  assert.ok(failure instanceof ConnectionFailed);
  assert.match(failure.message, /no answer in time$/);
});

test('a missing socket is told with its path', () => {
  const error = Object.assign(new Error('connect ENOENT'), { code: 'ENOENT' });
  assert.match(explainConnectionError(error, { ...target, host: '/run/pg' }).hint!, /\/run\/pg\/\.s\.PGSQL\.5432/);
});

test('a certificate that is not trusted needs a person', () => {
  for (const code of [
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'CERT_HAS_EXPIRED',
  ]) {
    const failure = explainConnectionError(Object.assign(new Error('bad'), { code }), target);
    assert.ok(failure instanceof AuthenticationFailed, code);
    assert.match(failure.hint!, /sslrootcert/);
  }
});

test('the entry for pg_hba.conf is a local one for a socket', () => {
  const failure = explainConnectionError(serverError('28000', 'no entry'), { ...target, host: '/run/pg', user: 'Ada' });
  assert.match(failure.hint!, /"local app "Ada" scram-sha-256", "local replication "Ada" scram-sha-256"/);
});

test('what is explained already stays as it is', () => {
  const failure = new LeaseHeld('busy', { operation: 'x', subject: 'y' });
  assert.equal(explainConnectionError(failure, target), failure);
});

test('anything else is still a failed connection, with its cause', () => {
  const error = new Error('odd');
  const failure = explainConnectionError(error, target);
  assert.ok(failure instanceof ConnectionFailed);
  assert.equal(failure.cause, error);
});

function serverError(code: string, message: string): Error {
  return Object.assign(new pg.DatabaseError(message, message.length, 'error'), { code, severity: 'FATAL' });
}
